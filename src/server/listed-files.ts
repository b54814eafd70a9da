/**
 * Files that pages may fetch. A request's path never becomes a path of the file system: it is looked up among the
 * names that were found by walking through the folder without following symbolic links. So no URL leads to any
 * other file.
 */
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { Readable } from "node:stream";

export interface ListedFile {
  /** The path below the folder, parts joined by "/". */
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** All regular files of a folder, by name; empty if the folder does not exist. */
export async function listFiles(folder: string): Promise<readonly ListedFile[]> {
  const found: ListedFile[] = [];
  const walk = async (directory: string, prefix: string): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await walk(path, `${prefix}${entry.name}/`);
      if (!entry.isFile()) continue;
      const { size, mtimeMs } = await lstat(path);
      found.push({ name: `${prefix}${entry.name}`, path, size, modified: mtimeMs });
    }
  };
  await walk(folder, "");
  return found;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".jsonl": "application/jsonl; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** @param request its If-None-Match and method. */
export function sendFile(
  file: ListedFile,
  request: { readonly method: string; readonly ifNoneMatch: string | undefined },
  cacheControl: string,
): Response {
  const tag = `"${file.size.toString(36)}-${Math.round(file.modified).toString(36)}"`;
  const headers = { "Cache-Control": cacheControl, ETag: tag };
  if (request.ifNoneMatch === tag) return new Response(null, { status: 304, headers });
  const body = request.method === "HEAD" ? null : streamOf(file);
  return new Response(body, {
    headers: {
      ...headers,
      "Content-Type": types[extname(file.name).toLowerCase()] ?? "application/octet-stream",
      "Content-Length": String(file.size),
    },
  });
}

function streamOf({ path }: ListedFile): ReadableStream {
  return Readable.toWeb(createReadStream(path)) as ReadableStream;
}
