/**
 * Decides which requests the studio answers. It listens on this machine only, but its browsers may have any web
 * page open: a foreign page may post here (cross-site requests) or even read the answers, by a host name that it
 * points at 127.0.0.1 (DNS rebinding). So every request must name this very host, come from no other origin, and
 * carry a secret that only the opened URL contained, or that was given for a one-time code. Pages are also told
 * to load nothing from elsewhere.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { ApiError } from "./api.ts";
import type { OneTimeCodes } from "./one-time-codes.ts";
import { type RefusalText, refusalPage, wantsPage } from "./refusal-page.ts";

/** 256 bits, in the form used in the opened URL. */
export function createToken(): string {
  return randomBytes(32).toString("base64url");
}

export interface SecurityOptions {
  readonly token: string;
  /** Each code lets one browser in. */
  readonly codes: OneTimeCodes;
  /** The server's port; known once it listens. */
  readonly port: () => number;
}

/**
 * The permissions of a page: its own scripts, styles and connections, WebAssembly and workers for its own
 * inference, and nothing from or to other places.
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
  // Together with the line above, this lets WebAssembly use threads.
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Runs before every route, those of static files included. */
export function secure(options: SecurityOptions): MiddlewareHandler {
  return async (context, next) => {
    const refusal = refuse(context, options);
    if (refusal === undefined) await next();
    const response = refusal ?? context.res;
    for (const [name, value] of Object.entries(headers)) {
      // A refusal's own page allows less than the studio's.
      if (refusal === undefined || !response.headers.has(name)) response.headers.set(name, value);
    }
    if (!response.headers.has("Cache-Control")) response.headers.set("Cache-Control", "no-store");
    if (refusal !== undefined) return refusal;
  };
}

function refuse(context: Context, options: SecurityOptions): Response | undefined {
  const port = options.port();
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(context.req.header("host") ?? "")) {
    return problem(context, 421, "host", {
      title: "This address is not the studio's",
      paragraphs: [`The studio answers as 127.0.0.1:${port} only.`],
    });
  }
  const changes = !["GET", "HEAD"].includes(context.req.method);
  const origin = context.req.header("origin");
  const isOwn = origin !== undefined && hosts.some((host) => origin === `http://${host}`);
  if (origin === undefined ? changes : !isOwn) return problem(context, 403, "origin", foreign);
  // A page of another port is "same-site", but it does not belong to the studio. Old browsers send no such
  // header.
  const site = context.req.header("sec-fetch-site") ?? "none";
  const isOwnSite = site === "same-origin" || site === "none";
  if (!isOwnSite && (changes || context.req.path.startsWith("/api/"))) {
    return problem(context, 403, "origin", foreign);
  }
  return admit(context, options);
}

const foreign: RefusalText = {
  title: "Another page has asked",
  paragraphs: ["Only the studio's own pages may ask it anything."],
};
const unknown: RefusalText = {
  title: "This browser has not been let in",
  paragraphs: [
    "The terminal that runs “pith studio” has printed an address with a token in it. Open that whole address here, once; after that the short one will do as well.",
  ],
};
const spent: RefusalText = {
  title: "This link has been used, or is too old",
  paragraphs: [
    "A link that the studio opens a browser with works once, and for two minutes. Open the address that the terminal has printed instead.",
    "If nobody has opened the link before, somebody else on this machine may have: then end the studio with Ctrl-C and start it again.",
  ],
};

/**
 * Admits a request by its cookie, or by the URL's token or one-time code; the latter gets the cookie and a
 * redirect to the URL without the secret.
 */
function admit(context: Context, { token, codes, port }: SecurityOptions): Response | undefined {
  // Cookies are not separated by port, so the name contains it: two studios must not overwrite each other's.
  const name = `pith-studio-${port()}`;
  const isKnown = equal(getCookie(context, name) ?? "", token);
  const opens = context.req.method === "GET" && context.req.path === "/";
  const [given, code] = opens ? [context.req.query("token"), context.req.query("code")] : [];
  if (given === undefined && code === undefined) {
    return isKnown ? undefined : problem(context, 401, "token", unknown);
  }
  // A code is used up even by a browser that does not need it.
  const redeemed = code !== undefined && codes.redeem(code);
  if (isKnown) return context.redirect("/");
  if (redeemed || (given !== undefined && equal(given, token))) {
    setCookie(context, name, token, { httpOnly: true, sameSite: "Strict", path: "/" });
    return context.redirect("/");
  }
  return problem(context, 401, "token", code === undefined ? unknown : spent);
}

/** Compares in constant time, so that the time does not reveal how much was right. */
function equal(given: string, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

/** A page for a person; JSON for the studio's own pages and for programs. */
function problem(context: Context, status: 401 | 403 | 421, code: string, text: RefusalText): Response {
  if (wantsPage(context)) return refusalPage(context, status, text);
  const message = text.paragraphs.join(" ");
  return context.json({ error: { code, message } } satisfies ApiError, status);
}
