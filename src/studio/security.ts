/**
 * Who may talk to the studio. It listens on this machine alone, but so do all web pages that are open in its
 * browsers: a foreign page may post here (cross-site requests) or, by a host name that it has pointed at
 * 127.0.0.1, even read what comes back (DNS rebinding). So every request must name this very host, come from
 * no other origin, and carry a secret that only the opened URL held; and pages are told to ask nobody else.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { ApiError } from "./api.ts";

/** 256 bits, as it stands in the opened URL. */
export function createToken(): string {
  return randomBytes(32).toString("base64url");
}

export interface SecurityOptions {
  readonly token: string;
  /** The port that the server listens on; known once it listens. */
  readonly port: () => number;
}

/**
 * What a page may do: its own scripts, styles and connections, WebAssembly and workers for its own inference,
 * and nothing from or to anywhere else.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers: Readonly<Record<string, string>> = {
  "Content-Security-Policy": contentSecurityPolicy,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  // Together with the line above: WebAssembly may use threads.
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Goes before every route, those of static files included. */
export function secure({ token, port }: SecurityOptions): MiddlewareHandler {
  return async (context, next) => {
    const refusal = refuse(context, token, port());
    if (refusal === undefined) await next();
    const response = refusal ?? context.res;
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    if (!response.headers.has("Cache-Control")) response.headers.set("Cache-Control", "no-store");
    if (refusal !== undefined) return refusal;
  };
}

function refuse(context: Context, token: string, port: number): Response | undefined {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(context.req.header("host") ?? "")) {
    return problem(context, 421, "host", "this server answers on 127.0.0.1 only.");
  }
  const changes = !["GET", "HEAD"].includes(context.req.method);
  const origin = context.req.header("origin");
  const isOwn = origin !== undefined && hosts.some((host) => origin === `http://${host}`);
  if (origin === undefined ? changes : !isOwn) {
    return problem(context, 403, "origin", "only the studio's own pages may ask.");
  }
  // A page of another port is "same-site", and no more the studio's own than any other. Old browsers say nothing.
  const site = context.req.header("sec-fetch-site") ?? "none";
  const isOwnSite = site === "same-origin" || site === "none";
  if (!isOwnSite && (changes || context.req.path.startsWith("/api/"))) {
    return problem(context, 403, "origin", "only the studio's own pages may ask.");
  }
  return admit(context, token, port);
}

/** By the cookie; or by the URL's token, which becomes a cookie and leaves the address bar. */
function admit(context: Context, token: string, port: number): Response | undefined {
  // Cookies know no ports: two studios must not take each other's.
  const name = `pith-studio-${port}`;
  if (equal(getCookie(context, name) ?? "", token)) return undefined;
  const given = context.req.query("token");
  if (
    context.req.method === "GET" &&
    context.req.path === "/" &&
    given !== undefined &&
    equal(given, token)
  ) {
    setCookie(context, name, token, { httpOnly: true, sameSite: "Strict", path: "/" });
    return context.redirect("/");
  }
  return problem(context, 401, "token", "open the address that `pith studio` has printed.");
}

/** In a time that does not tell how much of it was right. */
function equal(given: string, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function problem(context: Context, status: 401 | 403 | 421, code: string, message: string): Response {
  return context.json({ error: { code, message } } satisfies ApiError, status);
}
