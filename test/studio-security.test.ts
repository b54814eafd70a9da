/** Issue 5, point 6, from outside: each way in is tried against a server that listens, and none leads in. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ApiError } from "../src/studio/api.ts";
import { type OpenStudio, openStudio, sendRaw } from "./support/studio-client.ts";

let studio: OpenStudio;
let folder: string;
let port: number;
beforeAll(async () => {
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  folder = await mkdtemp(join(tmpdir(), "pith-studio-roots-"));
  await mkdir(join(folder, "root"));
  await mkdir(join(folder, "pages", "assets"), { recursive: true });
  await writeFile(join(folder, "secret.txt"), "secret");
  await writeFile(join(folder, "pages", "index.html"), "<!doctype html><title>page</title>");
  await writeFile(join(folder, "pages", "assets", "main-a1b2c3d4.js"), "export {};");
  await writeFile(join(folder, "pages", "ort.wasm"), "wasm");
  await symlink(resolve("models"), join(folder, "root", "way-out"));
  await symlink(join(folder, "secret.txt"), join(folder, "pages", "secret.txt"));
  studio = await openStudio({ roots: [join(folder, "root")], pages: join(folder, "pages") });
  port = studio.studio.port;
});
afterAll(async () => {
  await studio.close();
  await rm(folder, { recursive: true, force: true });
});

const errorOf = (text: string) => (JSON.parse(text) as ApiError).error;

describe("the address", () => {
  it("answers on 127.0.0.1 alone", async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address);
    // 127.0.0.2 is this machine too, and not where it listens.
    for (const address of ["127.0.0.2", ...others]) {
      await expect(sendRaw(port, "/", studio.headers, { address }), address).rejects.toThrow(/ECONNREFUSED/);
    }
  });

  it("has a token that differs each time", async () => {
    const other = await openStudio();
    const token = (url: string) => new URL(url).searchParams.get("token");
    expect(token(other.studio.url)).toMatch(/^[\w-]{43}$/);
    expect(token(other.studio.url)).not.toBe(token(studio.studio.url));
    await other.close();
  });
});

describe("without the token", () => {
  it.each(["/", "/api/info", "/api/runs", "/assets/main-a1b2c3d4.js", "/nothing"])(
    "%s is closed",
    async (path) => {
      const { host } = studio.headers;
      const answer = await sendRaw(port, path, { host: host ?? "" });
      expect(answer.status).toBe(401);
      expect(answer.text).not.toMatch(/nano|page|export/);
    },
  );

  it("with another cookie it is closed", async () => {
    const cookie = `pith-studio-${port}=${"A".repeat(43)}`;
    expect((await sendRaw(port, "/api/info", { ...studio.headers, cookie })).status).toBe(401);
  });
});

describe("from elsewhere", () => {
  it.each(["evil.example", `evil.example:${new Date().getFullYear()}`, "127.0.0.1", "localhost", ""])(
    "a host named %j gets nothing (DNS rebinding)",
    async (host) => {
      const answer = await sendRaw(port, "/api/info", { ...studio.headers, host });
      // Node itself refuses an empty host.
      expect([400, 421]).toContain(answer.status);
      expect(answer.text).not.toContain("nano");
    },
  );

  it("a request line that names another host gets nothing", async () => {
    const { cookie = "" } = studio.headers;
    const answer = await sendRaw(port, "http://evil.example/api/info", { cookie, host: "evil.example" });
    expect([400, 421]).toContain(answer.status);
  });

  it.each(["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])(
    "the origin %s may neither post nor delete",
    async (origin) => {
      for (const method of ["POST", "DELETE", "PUT", "PATCH", "OPTIONS"]) {
        const answer = await sendRaw(
          port,
          "/api/runs",
          { ...studio.headers, origin },
          { method, body: "{}" },
        );
        expect(answer.status, method).toBe(403);
        expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
      }
    },
  );

  it("a form's post, which has no origin in old browsers, is refused", async () => {
    const { origin: _, ...headers } = studio.headers;
    const answer = await sendRaw(
      port,
      "/api/runs",
      { ...headers, "content-type": "text/plain" },
      { method: "POST", body: "{}" },
    );
    expect(answer.status).toBe(403);
  });
});

describe("paths", () => {
  it.each([
    "/../secret.txt",
    "/assets/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..\\secret.txt",
    "/%5c..%5csecret.txt",
    "//etc/passwd",
    "/./../../../../../../etc/passwd",
    "/secret.txt",
    "/%00secret.txt",
    "/secret.txt%00.js",
  ])("%s leads to no file", async (path) => {
    const answer = await sendRaw(port, path, studio.headers);
    expect(answer.text).not.toMatch(/^secret|root:/);
    // A path without a dot is the app's own page.
    expect(answer.status === 200 ? answer.text : "").toMatch(/^$|<title>page/);
  });

  it("pages that are there come with their types, and only hashed ones are kept", async () => {
    const index = await sendRaw(port, "/", studio.headers);
    expect(index).toMatchObject({ status: 200, text: expect.stringContaining("page") });
    expect(index.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
    });
    const script = await sendRaw(port, "/assets/main-a1b2c3d4.js", studio.headers);
    expect(script.headers["content-type"]).toContain("text/javascript");
    expect(script.headers["cache-control"]).toContain("immutable");
    const wasm = await sendRaw(port, "/ort.wasm", studio.headers);
    expect(wasm.headers).toMatchObject({ "content-type": "application/wasm", "cache-control": "no-cache" });
    const again = await sendRaw(port, "/ort.wasm", {
      ...studio.headers,
      "if-none-match": wasm.headers.etag ?? "",
    });
    expect(again).toMatchObject({ status: 304, text: "" });
    expect(await sendRaw(port, "/", studio.headers, { method: "HEAD" })).toMatchObject({
      status: 200,
      text: "",
    });
  });

  it("every page says what it may do", async () => {
    for (const path of ["/", "/assets/main-a1b2c3d4.js", "/api/info", "/missing.js"]) {
      const { headers } = await sendRaw(port, path, studio.headers);
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
  });
});

describe("models", () => {
  const ask = (model: unknown) =>
    sendRaw(port, "/api/models", studio.headers, { method: "POST", body: JSON.stringify({ model }) });

  it.each([
    "/etc",
    "/",
    "..",
    "../pages",
    "way-out/nano",
    "./way-out/nano",
    "root/../../..",
    "~",
    "~/.ssh",
    "models/nano",
    "./models/nano",
    resolve("models/nano"),
  ])("%s is outside, whether it is there or not", async (model) => {
    const answer = await ask(model);
    expect(answer.status).toBe(400);
    expect(errorOf(answer.text).message).toMatch(
      /inside the folders that the studio may read|neither a folder/,
    );
  });

  it("a symbolic link that leads out does not", async () => {
    const path = join(folder, "root", "way-out", "nano");
    expect(errorOf((await ask(path)).text).message).toContain("inside the folders");
  });

  it("says the same of what is there and of what is not", async () => {
    const there = errorOf((await ask(join(folder, "pages"))).text);
    const missing = errorOf((await ask(join(folder, "gapes"))).text);
    expect(there.message.replaceAll("pages", "gapes")).toBe(missing.message);
  });

  it.each([[7], [null], ["a\u0000b"], ["x".repeat(2000)], [{ toString: 1 }]])(
    "%j is no model",
    async (model) => {
      const answer = await ask(model);
      expect(answer.status).toBe(400);
      expect(errorOf(answer.text)).toMatchObject({ code: "options", field: "model" });
    },
  );
});

describe("bodies", () => {
  const post = (path: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
    sendRaw(port, path, { ...studio.headers, ...headers }, { method: "POST", body });

  it("of more than 8 MiB are refused, their length said or not", async () => {
    const body = JSON.stringify({ model: "x".repeat(8 * 2 ** 20) });
    for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
      const answer = await post("/api/models", body, headers).catch((error: Error) => error);
      // A sender that goes on sending may find its connection cut.
      if (answer instanceof Error) expect(answer.message).toMatch(/EPIPE|ECONNRESET|socket hang up/);
      else expect(answer.status).toBe(413);
    }
  });

  it.each(["", "{", "null", "[]", '"text"', '{"model":""', '{"model":"","more":1}'])(
    "%j is told what is wrong with it",
    async (body) => {
      const answer = await post("/api/models", body);
      expect(answer.status).toBe(400);
      expect(errorOf(answer.text).code).toBe("options");
      expect(answer.text).not.toMatch(/\bat .*:\d+:\d+|node_modules/);
    },
  );

  it.each(["../x", "a/b", "a\\b", ".hidden", "", "x".repeat(81), "a\u0000", "con:x"])(
    "a task may not be called %j",
    async (name) => {
      const task = { kind: "text", name, format: "jsonl", text: "{}" };
      const { defaults } = await studio.get<{ defaults: object }>("/api/info");
      const run = { kind: "extract", model: "", task, options: defaults };
      const answer = await post("/api/runs", JSON.stringify(run));
      expect(answer.status).toBe(400);
      expect(errorOf(answer.text).field).toBe("task.name");
    },
  );

  it.each([
    "/api/runs/..",
    "/api/runs/%2e%2e%2f",
    "/api/runs/0123456789ab",
    "/api/runs/0123456789ab/files/x",
  ])("%s is no run", async (path) => {
    expect((await sendRaw(port, path, studio.headers)).status).toBe(404);
  });
});
