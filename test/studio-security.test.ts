/** Issue 5, point 6, from outside: each way in is tried against a server that listens, and none leads in. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ApiError } from "../src/server/api.ts";
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

  describe("a link inside a model's folder", () => {
    const root = () => join(folder, "root");
    const nanoWith = async (name: string, change: (path: string) => Promise<void>) => {
      const path = join(root(), name);
      await cp("models/nano", path, { recursive: true });
      await change(path);
      return ask(name);
    };
    const elsewhere = (file: string, target: string) => async (path: string) => {
      await rm(join(path, file), { force: true });
      await symlink(target, join(path, file));
    };

    it.each([
      ["config.json", "/etc/passwd"],
      ["config.json", "/dev/zero"],
      ["merges.txt", resolve("models/nano/merges.txt")],
      ["tokenizer.json", resolve("models/nano/vocab.json")],
      ["model.safetensors", resolve("models/nano/model.safetensors")],
      ["model-00001-of-00002.safetensors", resolve("models/nano/model.safetensors")],
      ["config.json", "/nothing/there"],
    ])("%s may not lead to %s", async (file, target) => {
      const answer = await nanoWith(`linked-${Math.random()}`, elsewhere(file, target));
      expect(answer.status).toBe(400);
      expect(errorOf(answer.text)).toMatchObject({ code: "options", field: "model" });
      expect(errorOf(answer.text).message).toBe(
        `the folder's "${file}" is a symbolic link to no file inside the folders that the studio may read.`,
      );
      expect(answer.text).not.toMatch(/root:|passwd|models\/nano/);
    });

    it("may lead to a file under a root, as the hub's cache is made", async () => {
      const answer = await nanoWith("snapshots/commit", async (path) => {
        await mkdir(join(root(), "blobs"));
        for (const file of ["config.json", "model.safetensors", "merges.txt"]) {
          await rename(join(path, file), join(root(), "blobs", file));
          await symlink(join("..", "..", "blobs", file), join(path, file));
        }
      });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toMatchObject({ layers: 6, name: "commit" });
    });

    it("that is made after the model was opened is found as well", async () => {
      const path = join(root(), "changing");
      await cp("models/nano", path, { recursive: true });
      expect((await ask("./changing")).status).toBe(200);
      await elsewhere("merges.txt", join(folder, "secret.txt"))(path);
      expect((await ask("./changing")).status).toBe(400);
    });

    it.skipIf(process.platform === "win32")("a pipe in its place is no file", async () => {
      const answer = await nanoWith("piped", async (path) => {
        await rm(join(path, "merges.txt"));
        await promisify(execFile)("mkfifo", [join(path, "merges.txt")]);
      });
      expect(errorOf(answer.text).message).toContain("neither a file nor a folder");
    });
  });

  it("a file that is not JSON is not quoted", async () => {
    const path = join(folder, "root", "prose");
    await mkdir(path);
    await writeFile(join(path, "config.json"), "secret words");
    const { message } = errorOf((await ask("./prose")).text);
    expect(message).toContain("see line 1, column 1");
    expect(message).not.toContain("secret");
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

describe("a sender that goes away", () => {
  it.each([
    ["Content-Length: 1000000", "{"],
    ["Transfer-Encoding: chunked", '5\r\n{"mod\r\n'],
  ])("in the middle of a body (%s) is nobody's fault", async (length, part) => {
    const errors = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const consoled = vi.spyOn(console, "error").mockReturnValue();
    const { cookie = "", host = "", origin = "" } = studio.headers;
    const head = [
      "POST /api/models HTTP/1.1",
      `Host: ${host}`,
      `Origin: ${origin}`,
      `Cookie: ${cookie}`,
      length,
    ];
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((done) => socket.write(`${head.join("\r\n")}\r\n\r\n${part}`, () => done()));
    await new Promise((done) => setTimeout(done, 100));
    socket.destroy();
    await new Promise((done) => setTimeout(done, 200));
    expect((await sendRaw(port, "/api/info", studio.headers)).status).toBe(200);
    expect(errors.mock.calls.map(([text]) => String(text))).toEqual([]);
    expect(consoled.mock.calls).toEqual([]);
    errors.mockRestore();
    consoled.mockRestore();
  });
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
