/**
 * The Chromium from npm, for machines without one. The package contains it in compressed form, with the
 * libraries, the font and the emulated graphics card that it needs, so that tests need only Node.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The package contains programs for this system only. */
export const npmChromiumRuns = process.platform === "linux" && process.arch === "x64";

export interface NpmChromium {
  readonly executable: string;
  /** The folder of the emulated graphics card and of the Vulkan loader. */
  readonly graphics: string;
  /** Additional environment variables of the browser. */
  readonly environment: Readonly<Record<string, string>>;
}

const modules = fileURLToPath(new URL("../../node_modules/", import.meta.url));

/**
 * Unpacks the browser at the first call, into a cache that `npm ci` empties. Several test workers may call it at
 * once: each unpacks into a folder of its own, and the first that finishes renames its folder to the final name.
 */
export async function unpackNpmChromium(caches: string = join(modules, ".cache")): Promise<NpmChromium> {
  const manifest = await readFile(join(modules, "@sparticuz/chromium/package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { readonly version: string };
  const folder = join(caches, `chromium-${version}`);
  if (!existsSync(folder)) {
    await mkdir(caches, { recursive: true });
    const own = await mkdtemp(join(caches, ".chromium-"));
    try {
      await unpackInto(own);
      await writeFile(join(own, "fonts.conf"), fontsConf);
      await rename(own, folder).catch((error: unknown) => {
        if (!existsSync(folder)) throw error;
      });
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  }
  const libraries = [join(folder, "al2023", "lib"), process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(":");
  return {
    executable: join(folder, "chromium"),
    graphics: folder,
    environment: { LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: join(folder, "fonts.conf") },
  };
}

/**
 * The package unpacks into the system's folder for temporary files, unless files of these names exist there. So a
 * separate process is used in which the given folder is the temporary one. The package unpacks its libraries only
 * if it believes that it runs on Amazon's servers.
 */
async function unpackInto(folder: string): Promise<void> {
  const script =
    'const { default: chromium } = await import("@sparticuz/chromium"); await chromium.executablePath();';
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: join(modules, ".."),
    env: { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs20.x" },
  });
}

/** Only the package's own font is used, so that the layout of pages is the same on every machine. */
const fontsConf = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;
