import { afterAll, describe, expect, test, vi } from "vitest";

// The module reads the page's address as it is loaded, and again when it changes.
const page = { hash: "#/runs/a%2Fb/understand" };
const changes = new EventTarget();
vi.stubGlobal("location", page);
vi.stubGlobal("addEventListener", changes.addEventListener.bind(changes));
afterAll(() => vi.unstubAllGlobals());
const { go, route, runPath } = await import("./router.ts");

const routeAt = (hash: string) => {
  page.hash = hash;
  changes.dispatchEvent(new Event("hashchange"));
  return route.value;
};

test("a deep link is where the page begins", () => {
  expect(route.value).toEqual({ page: "run", id: "a/b", tab: "understand" });
});

test.each([
  ["", { page: "start" }],
  ["#", { page: "start" }],
  ["#/", { page: "start" }],
  ["#/runs", { page: "runs" }],
  ["#/runs/", { page: "runs" }],
  ["#/runs/x", { page: "run", id: "x", tab: "watch" }],
  ["#/runs/x/compare", { page: "run", id: "x", tab: "compare" }],
  ["#/runs/x/take", { page: "run", id: "x", tab: "take" }],
  ["#/runs/100%", { page: "run", id: "100%", tab: "watch" }],
  ["#/runs/x/nowhere", { page: "unknown" }],
  ["#/runs/x/watch/more", { page: "unknown" }],
  ["#/elsewhere", { page: "unknown" }],
])("%j", (hash, expected) => {
  expect(routeAt(hash)).toEqual(expected);
});

describe("a run's path", () => {
  test.each(["plain", "with space/and slash", "ü%?#"])("leads back to it: %s", (id) => {
    expect(routeAt(runPath(id))).toEqual({ page: "run", id, tab: "watch" });
    expect(routeAt(runPath(id, "take"))).toEqual({ page: "run", id, tab: "take" });
  });

  test("is gone to by the address", () => {
    go("#/runs");
    expect(page.hash).toBe("#/runs");
  });
});
