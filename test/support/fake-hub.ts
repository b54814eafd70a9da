/**
 * A Hugging Face hub for tests: two small HTTP servers on 127.0.0.1, the hub and the file store ("CDN") to which
 * it redirects large files, as the real one does. A test can list faults for each file, one for each request, and
 * every request is recorded.
 */

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A fault of one request; the next request gets the next fault, and after the last fault requests succeed. */
export type HubFault =
  | { readonly kind: "cut"; readonly after: number } // the connection dies after so many bytes
  | { readonly kind: "stall"; readonly after: number } // no more data comes, the connection stays open
  | { readonly kind: "truncate"; readonly by: number } // ends cleanly but too early, with a matching Content-Length
  | { readonly kind: "status"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "ignoreRange" } // status 200 with the whole file
  | { readonly kind: "ignoreRangeAndCut"; readonly after: number }
  | { readonly kind: "wrongRange" } // status 206, but from byte 0
  | { readonly kind: "corrupt" } // same size, one byte changed
  | { readonly kind: "surplus"; readonly bytes: number } // more bytes than announced
  | { readonly kind: "wrongLength"; readonly length: number } // wrong Content-Length, right body
  | { readonly kind: "redirect"; readonly to: string } // a Location that the test chooses
  | { readonly kind: "body"; readonly body: string } // for a listing or a revision: this text instead
  | { readonly kind: "ok" };

interface RecordedRequest {
  readonly server: "hub" | "cdn";
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface FakeHubOptions {
  readonly repository: string;
  readonly commit?: string;
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** By file name, "listing" or "revision". Requests take them from the front. */
  readonly faults?: Record<string, HubFault[]>;
  /** Put in front of every address of the hub, as HF_ENDPOINT may have a path. */
  readonly prefix?: string;
  /** Requests without it get status 401. */
  readonly token?: string;
  /** Added to the listing unchanged. */
  readonly extraEntries?: readonly unknown[];
  /** How many entries a page of the listing has. */
  readonly pageSize?: number;
  /** Milliseconds between the pieces of a body, so that two downloads overlap. */
  readonly slowness?: number;
  /**
   * Whether the client has read this many bytes of a file from its beginning. A connection is cut only then,
   * because unread data is lost when it is cut.
   */
  readonly taken?: (bytes: number) => Promise<boolean>;
}

export interface FakeHub {
  readonly endpoint: string;
  readonly cdn: string;
  readonly commit: string;
  readonly requests: RecordedRequest[];
  readonly faults: Record<string, HubFault[]>;
  /** The files that were requested from the hub, in order. */
  readonly asked: () => string[];
  readonly close: () => Promise<void>;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const gitSha1 = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/** The name of a file's blob in the cache: large kinds are kept as LFS, the rest in git. */
export function blobName(file: string, bytes: Uint8Array): string {
  return isLarge(file) ? sha256(bytes) : gitSha1(bytes);
}

const isLarge = (file: string) => /\.(safetensors|bin|onnx)$/.test(file);

export async function startFakeHub(options: FakeHubOptions): Promise<FakeHub> {
  const commit = options.commit ?? "1234567890abcdef1234567890abcdef12345678";
  const prefix = options.prefix ?? "";
  const requests: RecordedRequest[] = [];
  const faults = options.faults ?? {};
  const files = new Map(
    Object.entries(options.files).map(([name, body]) => [
      name,
      typeof body === "string" ? Buffer.from(body) : body,
    ]),
  );

  const cdn = createServer((request, response) => {
    record(requests, "cdn", request);
    const name = decodeURIComponent(new URL(request.url ?? "", "http://x").pathname.slice("/store/".length));
    const bytes = files.get(name);
    if (bytes === undefined) return void response.writeHead(404).end();
    void sendFile(request, response, bytes, faults[name]?.shift() ?? { kind: "ok" }, options);
  });
  await listen(cdn);
  const cdnAddress = address(cdn);

  const hub = createServer((request, response) => {
    record(requests, "hub", request);
    const url = new URL(request.url ?? "", address(hub));
    if (!url.pathname.startsWith(prefix)) return void response.writeHead(404).end();
    const path = decodeURIComponent(url.pathname.slice(prefix.length));
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) {
      return void response
        .writeHead(401, { "x-error-message": "Invalid credentials in Authorization header" })
        .end();
    }
    const api = `/api/models/${options.repository}`;
    const resolve = `/${options.repository}/resolve/`;
    if (path.startsWith(`${api}/revision/`)) {
      if (scripted(response, faults["revision"]?.shift())) return;
      const revision = path.slice(`${api}/revision/`.length);
      if (!["main", commit, "refs/pr/1"].includes(revision)) {
        return void response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end();
      }
      return json(response, { id: options.repository, sha: commit });
    }
    if (path === `${api}/tree/${commit}`) {
      if (scripted(response, faults["listing"]?.shift())) return;
      return sendListing(
        url,
        response,
        [...[...files].map(entry), ...(options.extraEntries ?? [])],
        options.pageSize,
      );
    }
    if (path.startsWith(resolve)) {
      const [revision, name = ""] = path.slice(resolve.length).split(/\/(.*)/s);
      const bytes = files.get(name);
      if (revision !== commit)
        return void response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end();
      if (bytes === undefined) return void response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
      const head = { etag: `"${blobName(name, bytes)}"`, "x-repo-commit": commit };
      const redirect = faults[name]?.[0];
      if (redirect?.kind === "redirect") {
        faults[name]?.shift();
        return void response.writeHead(302, { location: redirect.to }).end();
      }
      if (!isLarge(name)) {
        return void sendFile(request, response, bytes, faults[name]?.shift() ?? { kind: "ok" }, {}, head);
      }
      return void response
        .writeHead(302, {
          location: `${cdnAddress}/store/${encodeURIComponent(name)}?signature=secret`,
          "x-repo-commit": commit,
          "x-linked-etag": `"${sha256(bytes)}"`,
          "x-linked-size": String(bytes.length),
        })
        .end();
    }
    response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
  });
  await listen(hub);

  const endpoint = address(hub) + prefix;
  return {
    endpoint,
    cdn: cdnAddress,
    commit,
    requests,
    faults,
    asked: () =>
      requests
        .filter((request) => request.server === "hub" && request.path.includes("/resolve/"))
        .map((request) => decodeURIComponent(request.path.split(`/resolve/${commit}/`)[1] ?? request.path)),
    close: async () => {
      await Promise.all([hub, cdn].map(stop));
    },
  };
}

function entry([path, bytes]: readonly [string, Uint8Array]): unknown {
  const plain = { type: "file", oid: gitSha1(bytes), size: bytes.length, path };
  return isLarge(path)
    ? { ...plain, lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }
    : plain;
}

function sendListing(url: URL, response: ServerResponse, entries: readonly unknown[], pageSize = 1000): void {
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const next = new URL(url);
  next.searchParams.set("cursor", String(from + pageSize));
  const link = from + pageSize < entries.length ? { link: `<${next.href}>; rel="next"` } : {};
  json(response, entries.slice(from, from + pageSize), link);
}

function scripted(response: ServerResponse, fault: HubFault | undefined): boolean {
  if (fault?.kind === "status") response.writeHead(fault.status, fault.headers).end();
  else if (fault?.kind === "body") response.writeHead(200).end(fault.body);
  else if (fault?.kind === "cut") response.destroy();
  else if (fault?.kind !== "stall") return false;
  return true;
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  fault: HubFault,
  { slowness = 0, taken = async () => true }: Pick<FakeHubOptions, "slowness" | "taken">,
  head: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (fault.kind === "status") return void response.writeHead(fault.status, fault.headers).end();
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const wants = asked === null ? 0 : Number(asked[1]);
  const ignores = fault.kind === "ignoreRange" || fault.kind === "ignoreRangeAndCut";
  const from = ignores || fault.kind === "wrongRange" ? 0 : wants;
  if (from >= bytes.length && from > 0) {
    return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  }
  let body = Buffer.from(bytes.subarray(from));
  if (fault.kind === "corrupt") body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1;
  if (fault.kind === "surplus") body = Buffer.concat([body, Buffer.alloc(fault.bytes)]);
  if (fault.kind === "truncate") body = body.subarray(0, body.length - fault.by);
  const length = fault.kind === "wrongLength" ? fault.length : body.length;
  const partial = asked !== null && !ignores;
  response.writeHead(partial ? 206 : 200, {
    ...head,
    "content-length": length,
    ...(partial ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  if (fault.kind === "cut" || fault.kind === "stall" || fault.kind === "ignoreRangeAndCut") {
    response.flushHeaders();
    response.write(body.subarray(0, fault.after));
    if (fault.kind === "stall") return;
    while (!response.destroyed && !(await taken(from + fault.after))) await sleep(5);
    response.destroy();
    return;
  }
  if (fault.kind === "wrongLength") {
    // Sent without node:http, which would correct the header.
    response.flushHeaders();
    response.socket?.write(body, () => response.socket?.end());
    return;
  }
  if (slowness === 0) return void response.end(body);
  for (let at = 0; at < body.length && !response.destroyed; at += 16_384) {
    response.write(body.subarray(at, at + 16_384));
    await sleep(slowness);
  }
  response.end();
}

function json(
  response: ServerResponse,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

function record(requests: RecordedRequest[], server: "hub" | "cdn", request: IncomingMessage): void {
  requests.push({
    server,
    method: request.method ?? "",
    path: request.url ?? "",
    range: request.headers.range,
    authorization: request.headers.authorization,
  });
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}

function address(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
