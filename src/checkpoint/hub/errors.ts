/**
 * Errors of communication with a hub, as messages for the user: the model or file, the reason as far as the hub
 * gives it, and what to do.
 */

import { PithError } from "../../errors.ts";

/** The subject of a request, for messages. */
export interface HubSubject {
  readonly repository: string;
  readonly revision: string;
  readonly file?: string;
}

/**
 * A failure that may be temporary: the network, a busy server. It becomes a PithError when the retries are used
 * up.
 */
export class HubUnreachable extends Error {
  readonly url: string;
  readonly retryAfterMs: number | undefined;
  /** Whether bytes arrived, but too slowly. */
  readonly slow: boolean;
  constructor(
    url: string,
    message: string,
    details: { retryAfterMs?: number | undefined; slow?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.url = withoutQuery(url);
    this.retryAfterMs = details.retryAfterMs;
    this.slow = details.slow ?? false;
  }
}

export function hubError(url: string, message: string, advice?: string, cause?: unknown): PithError {
  return new PithError("hub", message, {
    place: { url: withoutQuery(url) },
    ...(advice === undefined ? {} : { advice }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * The error for a status: HubUnreachable if it may be temporary, else a PithError "hub".
 * @param fromHub false for an answer of the host that the hub redirected to.
 */
export function refusal(
  hub: { readonly endpoint: string; readonly token: string | undefined },
  subject: HubSubject,
  url: string,
  response: { readonly status: number; readonly headers: Headers },
  fromHub: boolean,
): Error {
  const { status, headers } = response;
  const { repository, revision, file } = subject;
  // The hub explains errors in a header; it is text from outside, so only one short printable line of it is used.
  const said = (headers.get("x-error-message") ?? "")
    .replace(/[^\x20-\x7e]/g, " ")
    .slice(0, 200)
    .trim();
  const because = said === "" ? "" : ` The hub says: ${said}`;
  // A signed address of a file store expires; the hub gives a new one.
  const expired = !fromHub && [400, 401, 403, 404, 410].includes(status);
  if (expired || status === 408 || status === 429 || status >= 500) {
    const what = status === 429 ? "too many requests (429)" : `the server failed (${status})`;
    return new HubUnreachable(url, `${what}.${because}`, {
      retryAfterMs: retryAfter(headers.get("retry-after")),
    });
  }
  if (status === 401 || status === 403) {
    const advice =
      hub.token === undefined
        ? "Check the name; if the model is private or gated, set HF_TOKEN to a token that may read it."
        : `Check that HF_TOKEN is valid and may read it; if the model is gated, accept its terms at ${hub.endpoint}/${repository} first.`;
    return hubError(url, `the hub refuses access to "${repository}" (${status}).${because}`, advice);
  }
  if (status === 404) {
    const code = headers.get("x-error-code");
    if (code === "RevisionNotFound") {
      return hubError(
        url,
        `"${repository}" has no revision "${revision}" (404).`,
        "Check the name after the @.",
      );
    }
    if (file !== undefined && code !== "RepoNotFound") {
      return hubError(url, `"${repository}" at "${revision}" has no file "${file}" (404).`);
    }
    const hidden = hub.token === undefined ? "; if it is private, set HF_TOKEN" : "";
    return hubError(
      url,
      `the hub has no model "${repository}"${revision === "main" ? "" : ` at revision "${revision}"`} (404).`,
      `Check the name${hidden}.`,
    );
  }
  return hubError(url, `the hub answers with status ${status}.${because}`);
}

/** Seconds or a date, in milliseconds from now. */
function retryAfter(value: string | null): number | undefined {
  if (value === null || value.trim() === "") return undefined;
  const milliseconds = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

/** Queries contain signatures, which must not appear in messages and logs. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, "");
}
