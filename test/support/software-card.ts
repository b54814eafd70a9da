/**
 * SwiftShader, the emulated graphics card that Chromium contains, because test machines rarely have a real one.
 * Where npm's Chromium runs, its card is used, so that results are the same on every machine.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { npmChromiumRuns, unpackNpmChromium } from "./npm-chromium.ts";

export interface SoftwareCard {
  /** The folder of the Vulkan loader. */
  readonly libraries: string;
  /** The file that describes the card to Vulkan. */
  readonly driver: string;
}

/** @throws Error with advice if there is none. */
export async function softwareCard(): Promise<SoftwareCard> {
  const libraries =
    process.env["PITH_CHROMIUM_LIBRARIES"] ||
    (npmChromiumRuns ? (await unpackNpmChromium()).graphics : "/usr/lib/chromium");
  const driver = join(libraries, "vk_swiftshader_icd.json");
  if (existsSync(driver)) return { libraries, driver };
  throw new Error(
    `There is no software graphics card at ${driver}. Debian's chromium package brings it: sudo apt-get install chromium; or say which folder holds it: PITH_CHROMIUM_LIBRARIES=/path/to/folder npm test.`,
  );
}
