/** Serves the web app's own files, as `vite build` made them. */
import type { MiddlewareHandler } from "hono";
import { type ListedFile, listFiles, sendFile } from "./listed-files.ts";

/** Vite writes a hash of the content into an asset's name, so the content under that name never changes. */
const hashedName = /^assets\/.+-[\w-]{8}\.\w+$/;

/** @param folder dist/web. */
export function servePages(folder: string): MiddlewareHandler {
  let files: ReadonlyMap<string, ListedFile> = new Map();
  const find = async (name: string): Promise<ListedFile | undefined> => {
    const listed = files.get(name);
    // If the pages are built again while the studio runs, files have other names, or other content under the same
    // name.
    if (listed !== undefined && hashedName.test(name)) return listed;
    files = new Map((await listFiles(folder)).map((file) => [file.name, file]));
    return files.get(name);
  };
  return async (context, next) => {
    const { method, path } = context.req;
    if (method !== "GET" && method !== "HEAD") return next();
    const name = path.replace(/^\//, "");
    const isPage = !/\.[^/]*$/.test(name);
    const file = (await find(name)) ?? (isPage ? await find("index.html") : undefined);
    if (file === undefined) {
      if (!isPage) return next();
      return context.text("The studio's pages are not built: run “npm run build” once.\n", 503);
    }
    const cached = hashedName.test(file.name) ? "private, max-age=31536000, immutable" : "no-cache";
    return sendFile(file, { method, ifNoneMatch: context.req.header("if-none-match") }, cached);
  };
}
