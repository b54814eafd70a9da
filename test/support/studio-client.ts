/** Starts a studio on a data folder of its own, and sends requests as its page does. */
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunDetail, RunEvent, RunState } from "../../src/server/api.ts";
import { type Studio, type StudioOptions, startStudio } from "../../src/server/server.ts";

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends path and headers exactly as given, without the corrections of fetch. */
export function sendRaw(
  port: number,
  path: string,
  given: Readonly<Record<string, string>> = {},
  { method = "GET", body = "", address = "127.0.0.1" } = {},
): Promise<RawAnswer> {
  const length =
    body === "" || "transfer-encoding" in given ? {} : { "content-length": `${Buffer.byteLength(body)}` };
  const headers = { ...length, ...given };
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: address, port, path, method, headers, setHost: false, agent: false },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
        answer.on("error", reject);
      },
    );
    asked.on("error", reject);
    // If the connection is cut while it still sends, it may report an error after the answer.
    asked.on("socket", (socket) => socket.on("error", () => {}));
    asked.end(body);
  });
}

export interface Client {
  readonly origin: string;
  /** The headers that the studio's own page sends. */
  readonly headers: Readonly<Record<string, string>>;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  send(method: string, path: string, body?: unknown): Promise<Response>;
  /**
   * Calls `visit` with each event until it returns true, or until the stream ends. @returns the events so far.
   */
  listen(
    id: string,
    after: number,
    visit: (event: RunEvent) => boolean,
  ): Promise<readonly { readonly id: number | undefined; readonly event: RunEvent }[]>;
  /** Waits until the run is in one of these states. */
  until(id: string, ...states: readonly RunState[]): Promise<RunDetail>;
}

/** @param url as `pith studio` prints it. */
export async function openClient(url: string): Promise<Client> {
  const { origin, host } = new URL(url);
  const opened = await fetch(url, { redirect: "manual" });
  const cookie = opened.headers.get("set-cookie")?.split(";")[0] ?? "";
  const headers = { host, cookie, origin };
  const send = (method: string, path: string, body?: unknown) =>
    fetch(`${origin}${path}`, {
      method,
      headers: { cookie, origin },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const json = async <T>(answer: Response): Promise<T> => {
    if (!answer.ok) throw new Error(`${answer.status} ${answer.url}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const get = async <T>(path: string) => json<T>(await send("GET", path));
  const listen: Client["listen"] = async (id, after, visit) => {
    const answer = await fetch(`${origin}/api/runs/${id}/events?after=${after}`, {
      headers: { cookie },
    });
    const seen: { id: number | undefined; event: RunEvent }[] = [];
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const message = text.slice(0, end);
        text = text.slice(end + 2);
        const data = /^data: (.*)$/m.exec(message)?.[1];
        if (data === undefined) continue;
        const sequence = /^id: (\d+)$/m.exec(message)?.[1];
        const event = JSON.parse(data) as RunEvent;
        seen.push({ id: sequence === undefined ? undefined : Number(sequence), event });
        // Leaving the loop closes the connection.
        if (visit(event)) return seen;
      }
    }
    return seen;
  };
  return {
    ...{ origin, headers, send, get, listen },
    post: async (path, body) => json(await send("POST", path, body)),
    async until(id, ...states) {
      const detail = await get<RunDetail>(`/api/runs/${id}`);
      if (states.includes(detail.state)) return detail;
      await listen(id, detail.sequence, (event) => event.kind === "state" && states.includes(event.state));
      return get<RunDetail>(`/api/runs/${id}`);
    },
  };
}

export interface OpenStudio extends Client {
  readonly studio: Studio;
  readonly dataFolder: string;
  close(): Promise<void>;
}

/** Closing it removes its data folder. */
export async function openStudio(options: Partial<StudioOptions> = {}): Promise<OpenStudio> {
  const own = options.dataFolder === undefined;
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), "pith-studio-")));
  const studio = await startStudio({ roots: ["models"], ...options, dataFolder });
  return {
    ...(await openClient(studio.url)),
    ...{ studio, dataFolder },
    async close() {
      await studio.close();
      if (own) await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
