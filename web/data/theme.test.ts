import { afterEach, beforeEach, expect, test, vi } from "vitest";

const kept = new Map<string, string>();
const dataset: Record<string, string> = {};
const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: kept.set.bind(kept) };

beforeEach(() => {
  kept.clear();
  delete dataset["theme"];
  vi.stubGlobal("localStorage", storage);
  vi.stubGlobal("document", { documentElement: { dataset } });
  vi.resetModules();
});
afterEach(() => vi.unstubAllGlobals());

test("a choice is shown and outlives the page", async () => {
  const before = await import("./theme.ts");
  expect(before.theme.value).toBe("auto");
  before.chooseTheme("dark");
  expect(dataset["theme"]).toBe("dark");
  vi.resetModules();
  delete dataset["theme"];
  const after = await import("./theme.ts");
  expect(after.theme.value).toBe("dark");
  expect(dataset["theme"]).toBe("dark");
  after.chooseTheme("auto");
  expect(dataset).not.toHaveProperty("theme");
});

test("what is no theme of ours is none", async () => {
  kept.set("pith-theme", "sepia");
  expect((await import("./theme.ts")).theme.value).toBe("auto");
});

test("a browser that keeps nothing still shows it", async () => {
  const refuse = () => {
    throw new DOMException("no storage", "SecurityError");
  };
  vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse });
  const { chooseTheme, theme } = await import("./theme.ts");
  expect(theme.value).toBe("auto");
  chooseTheme("light");
  expect([theme.value, dataset["theme"]]).toEqual(["light", "light"]);
});
