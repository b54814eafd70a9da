/** Converts any thrown value to the error that a page may see: what was wrong and what to do, never a stack. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { PithError } from "../errors.ts";
import { errorCode, machineError } from "../files/file-error.ts";
import { printableLines } from "../printable.ts";
import type { ApiError } from "./api.ts";

/** A refusal by this server itself, with its status. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: ContentfulStatusCode;
  readonly code: string;

  constructor(status: ContentfulStatusCode, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** For a request whose client has disconnected: nobody reads the answer, and it is not a fault of the server. */
function brokenOff(): Refusal {
  return new Refusal(400, "aborted", "The request was broken off.");
}

/** The parts of a PithError: line, field and advice have fields of their own, and the file is left out. */
export function apiError({ code, place, advice, message: whole }: PithError): ApiError["error"] {
  const before = new PithError(code, "", { place }).message;
  const rest = whole.startsWith(before) ? whole.slice(before.length) : whole;
  const bare = advice !== "" && rest.endsWith(advice) ? rest.slice(0, -advice.length).trim() : rest;
  const { url, tensor } = place;
  const left = new PithError(code, bare, { place: { ...(url && { url }), ...(tensor && { tensor }) } });
  return {
    ...{ code, message: left.message },
    ...(advice !== "" && { advice }),
    ...(place.line !== undefined && { line: place.line }),
    ...(place.field !== undefined && { field: place.field }),
  };
}

/** The error of a failed run or request. A bug's stack goes to the terminal. */
export function describeError(thrown: unknown): ApiError["error"] {
  const error = machineError(thrown) ?? thrown;
  if (error instanceof PithError) {
    // A file is named if it belongs to the user; line and field have fields of their own.
    const { file } = error.place;
    const found = apiError(error);
    return file === undefined || found.line !== undefined
      ? found
      : { ...found, message: `${file}: ${found.message}` };
  }
  if (error instanceof Refusal) return { code: error.code, message: error.message };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${printableLines(`unexpected error: ${stack}`)}\n`);
  return {
    code: "bug",
    message: "Something in Pith itself went wrong. The terminal that runs “pith studio” says more.",
  };
}

export function answerError(error: unknown, context: Context): Response {
  if (error instanceof HTTPException) {
    return context.json({ error: { code: "http", message: error.message } } satisfies ApiError, error.status);
  }
  const { signal } = context.req.raw;
  // Work that watches the signal ends with the signal's reason.
  const told = isBroken(error) || (signal.aborted && error === signal.reason) ? brokenOff() : error;
  return context.json({ error: describeError(told) } satisfies ApiError, statusOf(told));
}

/** The error when a connection breaks while its body is read, as Node and hono's server report it. */
function isBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return errorCode(error) === "ECONNRESET" || error.message === "Client connection prematurely closed.";
}

function statusOf(error: unknown): ContentfulStatusCode {
  if (error instanceof Refusal) return error.status;
  if (!(error instanceof PithError)) return 500;
  return ["output", "runtime", "verification"].includes(error.code) ? 500 : 400;
}
