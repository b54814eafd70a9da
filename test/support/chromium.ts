/**
 * Starts a real Chromium for tests of pages, because users open them in a real browser. It is the one that
 * PITH_CHROMIUM names, else the system's, else the one from npm.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium, type LaunchOptions } from "playwright-core";
import { npmChromiumRuns, unpackNpmChromium } from "./npm-chromium.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The names of Chromium and related browsers in Linux distributions. */
const names = [
  ...["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
  ...["microsoft-edge", "microsoft-edge-stable"],
];

/** Playwright knows where these browsers' own installers put them, also on Windows and macOS. */
const channels = ["chrome", "msedge"];

/** The oldest Chromium that the pages are built for (cssTarget in vite.config.ts). */
const oldestVersion = 123;

/**
 * The caller closes it. Without a sandbox, because containers lack the rights for one, and the pages are our own.
 * @throws Error with advice when there is none: a test without a browser must fail, not be skipped.
 */
export async function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  const browser = await launchAny(flags);
  // The test runner ends a test that hangs; a wait that ends before that says what it waited for.
  return browser.on("context", (context) => context.setDefaultTimeout(150_000));
}

async function launchAny(flags: readonly string[]): Promise<Browser> {
  const args = ["--no-sandbox", ...flags];
  const executablePath = namedChromium(process.env) ?? (await systemChromium(process.env));
  if (executablePath !== undefined) return chromium.launch({ args, executablePath });
  for (const channel of channels) {
    const browser = await launchIfFound({ args, channel });
    if (browser !== undefined) return browser;
  }
  if (!npmChromiumRuns) throw new Error(noChromium);
  const { executable, environment } = await unpackNpmChromium();
  return chromium.launch({ args, executablePath: executable, env: { ...process.env, ...environment } });
}

const noChromium =
  "This machine has no Chromium, Chrome or Edge, in which pages are tested, and the one that npm brings runs on Linux on x64 processors only. Install Chrome (https://www.google.com/chrome) or Chromium (Debian, Ubuntu: sudo apt-get install chromium), or say where one is: PITH_CHROMIUM=/path/to/chromium npm test.";

/** @throws Error when the user names one that does not exist. */
export function namedChromium(environment: Environment): string | undefined {
  const path = environment["PITH_CHROMIUM"];
  if (!path) return undefined;
  if (existsSync(path)) return path;
  throw new Error(
    `There is no Chromium at ${path}, where PITH_CHROMIUM says it is. Correct the path, or unset PITH_CHROMIUM: tests then look for the system's, and use the one that npm brings where there is none.`,
  );
}

/**
 * The first on PATH that starts and is new enough. Ubuntu's chromium-browser, for example, is only a script
 * without a browser.
 */
export async function systemChromium(environment: Environment): Promise<string | undefined> {
  // On Windows, browsers are not on PATH, and opening one for its version shows a window.
  if (process.platform === "win32") return undefined;
  const folders = (environment["PATH"] ?? "").split(delimiter).filter(Boolean);
  for (const path of names.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    if (existsSync(path) && (await majorVersion(path)) >= oldestVersion) return path;
  }
  return undefined;
}

/** @returns 0 for a program that does not start, or says no version. */
async function majorVersion(path: string): Promise<number> {
  const { stdout } = await promisify(execFile)(path, ["--version"]).catch(() => ({ stdout: "" }));
  return Number(/(\d+)\.\d+\.\d+/.exec(stdout)?.[1] ?? 0);
}

async function launchIfFound(options: LaunchOptions): Promise<Browser | undefined> {
  try {
    return await chromium.launch(options);
  } catch (error) {
    if (error instanceof Error && error.message.includes("is not found")) return undefined;
    throw error;
  }
}
