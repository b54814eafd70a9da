import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { createOneTimeCodes } from "./one-time-codes.ts";
import { createToken, secure } from "./security.ts";

const token = createToken();
const port = 4321;
let clock = 0;
const codes = createOneTimeCodes(() => clock);
const app = new Hono().use(secure({ token, codes, port: () => port }));
app.get("/", (context) => context.text("page"));
app.get("/api/info", (context) => context.json({ secret: 1 }));
app.post("/api/runs", (context) => context.json({ id: "1" }));

const own = { host: `127.0.0.1:${port}`, cookie: `pith-studio-${port}=${token}` };
const ask = (path: string, headers: Record<string, string>, method = "GET") =>
  app.request(path, { method, headers });

describe("the opened URL", () => {
  it("is turned into a cookie that scripts and other sites never see, and leaves the address bar", async () => {
    const answer = await ask(`/?token=${token}`, { host: own.host });
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toBe("/");
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toContain(`pith-studio-${port}=${token}`);
    expect(cookie).toContain("HttpOnly");
    expect(cookie).toContain("SameSite=Strict");
    expect((await ask("/", own)).status).toBe(200);
  });

  it.each(["", "x", token.slice(1), `${token}x`, token.toLowerCase()])(
    "a wrong token (%j) opens nothing",
    async (wrong) => {
      expect((await ask(`/?token=${wrong}`, { host: own.host })).status).toBe(401);
      expect((await ask("/", { host: own.host, cookie: `pith-studio-${port}=${wrong}` })).status).toBe(401);
    },
  );

  it("leaves the address bar also of a browser that is known already", async () => {
    const again = await ask(`/?token=${token}`, own);
    expect([again.status, again.headers.get("location")]).toEqual([302, "/"]);
  });

  it("may hold a code instead, which opens once and for two minutes", async () => {
    const [code, other, late] = [codes.issue(), codes.issue(), codes.issue()];
    expect(code).not.toBe(token);
    const answer = await ask(`/?code=${code}`, { host: own.host });
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/"]);
    expect(answer.headers.get("set-cookie")).toContain(`pith-studio-${port}=${token}; Path=/; HttpOnly`);
    expect((await ask(`/?code=${code}`, { host: own.host })).status).toBe(401);
    // A browser that is known needs none, and spends it all the same.
    expect((await ask(`/?code=${other}`, own)).status).toBe(302);
    expect((await ask(`/?code=${other}`, { host: own.host })).status).toBe(401);
    clock += 120_000;
    expect((await ask(`/?code=${late}`, { host: own.host })).status).toBe(401);
    for (const wrong of ["", "x", token]) {
      expect((await ask(`/?code=${wrong}`, { host: own.host })).status).toBe(401);
    }
    const elsewhere = await ask(`/api/info?code=${codes.issue()}`, { host: own.host });
    expect(elsewhere.status).toBe(401);
  });

  it("opens no other path, and no post", async () => {
    expect((await ask(`/api/info?token=${token}`, { host: own.host })).status).toBe(401);
    const post = await ask(
      `/api/runs?token=${token}`,
      { host: own.host, origin: `http://${own.host}` },
      "POST",
    );
    expect(post.status).toBe(401);
  });

  it("is of this port: another studio's cookie is none", async () => {
    expect((await ask("/", { host: own.host, cookie: `pith-studio-4322=${token}` })).status).toBe(401);
  });
});

describe("DNS rebinding", () => {
  it.each([
    "evil.example",
    "evil.example:4321",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.0.0.1:4321.evil.example",
    "[::1]:4321",
  ])("a request to the host %s is refused, even with the cookie", async (host) => {
    expect((await ask("/api/info", { ...own, host })).status).toBe(421);
  });

  it("no host at all is refused", async () => {
    expect((await ask("/api/info", { cookie: own.cookie })).status).toBe(421);
  });

  it("localhost is this machine too", async () => {
    expect((await ask("/api/info", { ...own, host: `localhost:${port}` })).status).toBe(200);
  });
});

describe("cross-site requests", () => {
  it.each([
    "http://evil.example",
    "null",
    "https://127.0.0.1:4321",
    "http://127.0.0.1:4322",
    "http://127.0.0.1",
  ])("a post from %s is refused, even with the cookie", async (origin) => {
    expect((await ask("/api/runs", { ...own, origin }, "POST")).status).toBe(403);
  });

  it("a post that does not say where it comes from is refused", async () => {
    expect((await ask("/api/runs", own, "POST")).status).toBe(403);
  });

  it("a get by a foreign page is refused", async () => {
    expect((await ask("/api/info", { ...own, origin: "http://evil.example" })).status).toBe(403);
    // A page of another port of this machine is "same-site".
    for (const site of ["cross-site", "same-site", "anything"]) {
      expect((await ask("/api/info", { ...own, "sec-fetch-site": site })).status, site).toBe(403);
    }
  });

  it.each(["same-origin", "none"])("a get that is %s is answered", async (site) => {
    expect((await ask("/api/info", { ...own, "sec-fetch-site": site })).status).toBe(200);
  });

  it("the studio's own page may post", async () => {
    expect((await ask("/api/runs", { ...own, origin: `http://${own.host}` }, "POST")).status).toBe(200);
  });
});

describe("every answer", () => {
  it.each([
    ["granted", own],
    ["refused", { host: own.host }],
  ])("that is %s says what a page may do", async (_, headers) => {
    const answer = await ask("/api/info", headers);
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe-inline");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("that is refused is a page for a person, and JSON for a program", async () => {
    const page = { host: own.host, accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    const bare = await ask("/", page);
    expect(bare.status).toBe(401);
    expect(bare.headers.get("content-type")).toMatch(/^text\/html/);
    const text = await bare.text();
    expect(text).toContain("The terminal that runs “pith studio” has printed an address");
    expect(text).not.toMatch(/[{}]"|`/);
    const policy = bare.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/]{43}='; /);
    expect(await (await ask("/?code=spent", page)).text()).toContain(
      "This link has been used, or is too old",
    );
    expect(await (await ask("/", { ...page, host: "evil.example" })).text()).toContain("127.0.0.1:4321 only");
    const program = await (await ask("/", { host: own.host, accept: "*/*" })).json();
    expect(program).toMatchObject({ error: { code: "token" } });
  });

  it("that is refused holds nothing of what was asked for", async () => {
    expect(await (await ask("/api/info", { host: own.host })).text()).not.toContain("secret");
  });
});
