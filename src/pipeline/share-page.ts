/**
 * The page of a shared site, of what `vite build` has made (Node): the page itself and every script, style and
 * WebAssembly file that it may come to ask for, by the build's manifest, and nothing of the studio's.
 */
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import { packagePath } from "./package-files.ts";

export interface SitePage {
  /** index.html with its title in place. */
  readonly html: string;
  /** Where they lie, and where they go, relative to the page. */
  readonly files: readonly { readonly path: string; readonly name: string; readonly bytes: number }[];
}

const entry = "share.html";
const names = z.array(z.string()).optional();
const manifestSchema = z.record(
  z.string(),
  z.object({ file: z.string(), imports: names, dynamicImports: names, css: names, assets: names }),
);
type Manifest = z.infer<typeof manifestSchema>;

/** @param folder dist/studio. @throws PithError "output" where it is not built. */
export async function sitePage(
  { title, description }: { readonly title: string; readonly description: string },
  folder: string = packagePath("dist/studio"),
): Promise<SitePage> {
  const manifest = manifestSchema.parse(JSON.parse(await read(join(folder, "manifest.json"))));
  const html = (await read(join(folder, entry)))
    .replace(/<title>[^<]*<\/title>/, () => `<title>${escapeHtml(title)}</title>`)
    .replace(/(?<=<meta name="description" content=")[^"]*/, () => escapeHtml(description));
  const files = await Promise.all(
    reached(manifest, entry).map(async (name) => {
      const path = join(folder, name);
      return { path, name, bytes: (await lstat(path)).size };
    }),
  );
  return { html, files };
}

/** Every file that a chunk leads to, sorted. */
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
