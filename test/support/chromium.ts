/** A real Chromium for tests of pages: what a user opens must be tried where a user opens it. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const usual = "/usr/bin/chromium";

/**
 * Where Chromium is: PITH_CHROMIUM, or the system's.
 * @throws Error with what to do when there is none: a test without it must fail, not be skipped.
 */
export function chromiumPath(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const path = environment["PITH_CHROMIUM"] || usual;
  if (existsSync(path)) return path;
  throw new Error(
    `There is no Chromium at ${path}, and pages are tested in one. Install it (Debian, Ubuntu: sudo apt-get install chromium), or say where it is: PITH_CHROMIUM=/path/to/chromium npm test.`,
  );
}

/** The caller closes it. Without a sandbox, since containers lack the rights for one; pages here are our own. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox"] });
}
