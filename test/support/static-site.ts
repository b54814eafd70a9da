/** A plain web server for the files of a folder below a path. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

export interface StaticSite {
  /** The address, with the path of the site. */
  readonly url: string;
  /** Paths that were requested and do not exist. */
  readonly missing: readonly string[];
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** @param path begins and ends with a slash. */
export async function serveFolder(folder: string, path: string): Promise<StaticSite> {
  const missing: string[] = [];
  const server = createServer(async (request, response) => {
    const asked = new URL(request.url ?? "", "http://host").pathname;
    const name = normalize(asked.slice(path.length));
    const file = join(folder, name.endsWith("/") || name === "." ? join(name, "index.html") : name);
    try {
      if (!asked.startsWith(path) || name.startsWith("..")) throw new Error("not of this site");
      const body = await readFile(file);
      response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      missing.push(asked);
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    missing,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
