/**
 * The Chromium that npm brings, for machines without one: the package holds it compressed, with the libraries, the
 * font and the software graphics card that it needs, so that tests ask for nothing but Node.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The package holds programs for this system only. */
export const npmChromiumRuns = process.platform === "linux" && process.arch === "x64";

export interface NpmChromium {
  readonly executable: string;
  /** The folder of the software graphics card and of the Vulkan loader. */
  readonly graphics: string;
  /** What the browser's environment must hold beside the usual. */
  readonly environment: Readonly<Record<string, string>>;
}

const modules = fileURLToPath(new URL("../../node_modules/", import.meta.url));

/**
 * Unpacks the browser when it is first asked for, into a cache that `npm ci` empties. Test workers may ask at once:
 * each unpacks into a folder of its own, and the first that is done gives its folder the name that all use.
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
 * The package unpacks into the system's folder for temporary files, unless files of these names stand there already;
 * a process of its own is told that this folder is the given one. It unpacks its libraries only where it believes
 * that it runs on Amazon's servers.
 */
async function unpackInto(folder: string): Promise<void> {
  const script =
    'const { default: chromium } = await import("@sparticuz/chromium"); await chromium.executablePath();';
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: join(modules, ".."),
    env: { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs20.x" },
  });
}

/** The package's own font and no other: pages are laid out alike on every machine. */
const fontsConf = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;
