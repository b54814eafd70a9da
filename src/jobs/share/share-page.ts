/**
 * The page of a shared site, from the files that `vite build` made (Node): the page itself, every script, style
 * and WebAssembly file that it may load, by the build's manifest, and the licence texts of all of them; nothing
 * that only the studio needs.
 */
import { createHash } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { PithError } from "../../errors.ts";
import type { FileRecord } from "../../export/checksum.ts";
import { licencesFileName } from "../../export/site-file.ts";
import { errorCode, fileError } from "../../files/file-error.ts";
import { hashFile } from "../../files/hash.ts";
import { packagePath } from "../../files/package-files.ts";

export interface SitePage {
  /** index.html with its title, and with hashes of all files that it loads except ONNX Runtime's WebAssembly. */
  readonly html: string;
  /** The files' present paths, and their names relative to the page. */
  readonly files: readonly { readonly path: string; readonly name: string; readonly bytes: number }[];
}

const entry = "share.html";
const names = z.array(z.string()).optional();
const manifestSchema = z.record(
  z.string(),
  z.object({ file: z.string(), imports: names, dynamicImports: names, css: names, assets: names }),
);
type Manifest = z.infer<typeof manifestSchema>;

/** @param folder dist/web. @throws PithError "output" if it was not built. */
export async function sitePage(
  about: { readonly title: string; readonly description: string; readonly site: FileRecord },
  folder: string = packagePath("dist/web"),
): Promise<SitePage> {
  const manifest = manifestSchema.parse(JSON.parse(await read(join(folder, "manifest.json"))));
  const files = await Promise.all(
    [...reached(manifest, entry), licencesFileName].map(async (name) => {
      const path = join(folder, name);
      return { path, name, bytes: (await lstat(path)).size };
    }),
  );
  const hashes = new Map<string, string>();
  for (const { path, name } of files) {
    if (/\.(?:js|mjs|css)$/.test(name)) hashes.set(`./${name}`, await integrityOf(path));
  }
  const html = withIntegrity(await read(join(folder, entry)), hashes)
    .replace(/<title>[^<]*<\/title>/, () => `<title>${escapeHtml(about.title)}</title>`)
    .replace(/(?<=<meta name="description" content=")[^"]*/, () => escapeHtml(about.description))
    .replace(/(?<=<meta name="pith-site" content=")[^"]*/, () => escapeHtml(JSON.stringify(about.site)));
  return { html, files };
}

async function integrityOf(path: string): Promise<string> {
  return `sha256-${Buffer.from(await hashFile(path, { code: "output" }), "hex").toString("base64")}`;
}

/**
 * The page with a hash for each script and style that it names, and with an import map for the scripts that these
 * load. The content security policy allows this one inline script by its own hash.
 */
function withIntegrity(html: string, hashes: ReadonlyMap<string, string>): string {
  const scripts = [...hashes].filter(([name]) => !name.endsWith(".css"));
  const map = JSON.stringify({ integrity: Object.fromEntries(scripts) });
  const ownHash = createHash("sha256").update(map).digest("base64");
  return html
    .replace(/<(?:script|link)\b[^>]*?(?:src|href)="([^"]+)"/g, (tag, name: string) => {
      const hash = hashes.get(name);
      return hash === undefined ? tag : `${tag} integrity="${hash}"`;
    })
    .replace(/(?<=script-src 'self')/, () => ` 'sha256-${ownHash}'`)
    .replace(/(?=<script\b)/, () => `<script type="importmap">${map}</script>\n    `);
}

/** Every file that a chunk loads, directly or indirectly; sorted. */
function reached(manifest: Manifest, first: string): readonly string[] {
  const seen = new Set<string>();
  const files = new Set<string>();
  const walk = (key: string): void => {
    const chunk = manifest[key];
    if (chunk === undefined || seen.has(key)) return;
    seen.add(key);
    for (const file of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) files.add(file);
    for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]) walk(next);
  };
  walk(first);
  return [...files].sort();
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw fileError("output", path, error);
    throw new PithError("output", "the page of shared circuits is not built.", {
      place: { file: path },
      advice: "Run `npm run build` once.",
      cause: error,
    });
  }
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
