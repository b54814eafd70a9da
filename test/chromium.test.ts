/** Which browser tests of pages run in, on machines of every kind. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { namedChromium, systemChromium } from "./support/chromium.ts";
import { npmChromiumRuns, unpackNpmChromium } from "./support/npm-chromium.ts";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "pith-chromium-"));
});
afterAll(() => rm(place, { recursive: true, force: true }));

describe("the browser that PITH_CHROMIUM names", () => {
  test("is taken as it is", () => {
    expect(namedChromium({ PITH_CHROMIUM: place })).toBe(place);
    expect(namedChromium({})).toBeUndefined();
    expect(namedChromium({ PITH_CHROMIUM: "" })).toBeUndefined();
  });

  test("is an error when it is not there, rather than another browser", () => {
    expect(() => namedChromium({ PITH_CHROMIUM: "/nowhere/chromium" })).toThrow(
      /no Chromium at \/nowhere\/chromium.*Correct the path, or unset PITH_CHROMIUM/,
    );
  });
});

/** A program on a search path of its own. */
async function program(folder: string, name: string, script: string): Promise<string> {
  await mkdir(join(place, folder), { recursive: true });
  const path = join(place, folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe.skipIf(process.platform === "win32")("the system's browser", () => {
  test("is the first on PATH that starts and is new enough for the pages", async () => {
    await program("stub", "chromium", 'echo "requires the snap" >&2; exit 1');
    await program("old", "chromium-browser", 'echo "Chromium 90.0.4430.212 built on Debian 10"');
    const chrome = await program("new", "google-chrome", 'echo "Google Chrome 141.0.7390.54"');
    const path = (folders: readonly string[]) => ({
      PATH: folders.map((folder) => join(place, folder)).join(":"),
    });
    expect(await systemChromium(path(["stub", "old", "new"]))).toBe(chrome);
    expect(await systemChromium(path(["stub", "old", "nowhere"]))).toBeUndefined();
    expect(await systemChromium({})).toBeUndefined();
  });
});

describe.runIf(npmChromiumRuns)("the browser that npm brings", () => {
  test("is unpacked once, whole, when several ask at once, and shows a page", async () => {
    const caches = join(place, "caches");
    const [first, ...others] = await Promise.all([0, 1].map(() => unpackNpmChromium(caches)));
    if (first === undefined) throw new Error("nothing was unpacked");
    for (const other of others) expect(other).toEqual(first);
    expect(await unpackNpmChromium(caches)).toEqual(first);
    expect(await readdir(caches)).toEqual([expect.stringMatching(/^chromium-[\d.]+$/)]);

    const browser = await chromium.launch({
      args: ["--no-sandbox"],
      executablePath: first.executable,
      env: { ...process.env, ...first.environment },
    });
    try {
      const page = await browser.newPage();
      await page.setContent("<p style='display: inline'>a text in the font that comes with it</p>");
      expect((await page.locator("p").boundingBox())?.width).toBeGreaterThan(100);
    } finally {
      await browser.close();
    }
  });
});
