/**
 * The environment variables of Hugging Face tools, read as Python's huggingface_hub reads them (its
 * constants.py), so that both share one cache and one login. `@huggingface/hub` reads only the cache variables,
 * and only from `process.env`; hence this module.
 */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { PithError } from "../../errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface HubSettings {
  /** Absolute; holds `models--org--name/`. */
  readonly cacheFolder: string;
  /** Origin and path, no trailing slash. */
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly offline: boolean;
}

/** @throws PithError "options" if HF_ENDPOINT or the token can't be used. */
export async function readHubSettings(environment: Environment): Promise<HubSettings> {
  const home =
    path(environment, "HF_HOME") ??
    join(path(environment, "XDG_CACHE_HOME") ?? join(userHome(environment), ".cache"), "huggingface");
  const cacheFolder =
    path(environment, "HF_HUB_CACHE") ?? path(environment, "HUGGINGFACE_HUB_CACHE") ?? join(home, "hub");
  const offline = isTrue(environment["HF_HUB_OFFLINE"] || environment["TRANSFORMERS_OFFLINE"]);
  return {
    cacheFolder: resolve(cacheFolder),
    endpoint: readEndpoint(environment["HF_ENDPOINT"]),
    token: offline ? undefined : await readToken(environment, join(home, "token")),
    offline,
  };
}

/** The user's home folder, which `~` means. */
export function userHome(environment: Environment): string {
  const home = process.platform === "win32" ? environment["USERPROFILE"] : environment["HOME"];
  return home || homedir();
}

/** Replaces `~` and `~/…` by the home folder; other text is unchanged. */
export function expandHome(text: string, environment: Environment): string {
  return /^~(?=$|[\\/])/.test(text) ? userHome(environment) + text.slice(1) : text;
}

function path(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  if (!value) return undefined;
  const expanded = value.replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (whole, braced, bare) => environment[braced ?? bare] ?? whole,
  );
  return expandHome(expanded, environment);
}

function isTrue(value: string | undefined): boolean {
  return ["1", "ON", "YES", "TRUE"].includes((value ?? "").toUpperCase());
}

function readEndpoint(value: string | undefined): string {
  if (!value) return "https://huggingface.co";
  const url = URL.canParse(value) ? new URL(value) : null;
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.username ||
    url.password ||
    url.search ||
    url.hash
  ) {
    throw new PithError("options", "this is not the address of a hub.", {
      place: { field: "HF_ENDPOINT" },
      advice: "Give http:// or https://, a host, and a path if needed; no user, no query.",
    });
  }
  return (url.origin + url.pathname).replace(/\/+$/, "");
}

async function readToken(environment: Environment, defaultFile: string): Promise<string | undefined> {
  const given = environment["HF_TOKEN"] || environment["HUGGING_FACE_HUB_TOKEN"];
  let text = given;
  if (!text) {
    // A token that was not given explicitly is implicit; this variable forbids sending it.
    if (isTrue(environment["HF_HUB_DISABLE_IMPLICIT_TOKEN"])) return undefined;
    text = await readFile(path(environment, "HF_TOKEN_PATH") ?? defaultFile, "utf8").catch(() => undefined);
  }
  const token = text?.replace(/[\r\n]/g, "").trim();
  if (!token) return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new PithError("options", "the token has characters that can't be in a token.", {
      place: { field: given ? "HF_TOKEN" : "HF_TOKEN_PATH" },
    });
  }
  return token;
}
