/**
 * Reads JSON that comes from outside: files, answers of a hub, requests to the studio. `JSON.parse` silently
 * takes the last of two equal keys, and its errors quote the text, so both are handled here. The limits on size
 * and nesting are in `json-bounds.ts`.
 */
import { type ErrorPlace, PithError, type PithErrorCode } from "../errors.ts";
import { shorten } from "../printable.ts";
import { jsonBounds } from "./json-bounds.ts";
import { jsonFaultAt } from "./json-fault.ts";

/** The value that a text holds, or what is wrong with it. */
export type JsonOutcome =
  | { readonly kind: "value"; readonly value: unknown }
  /** "not JSON: see line 1, column 3". */
  | { readonly kind: "syntax"; readonly fault: string }
  /** JSON that is refused; the fault is a predicate: 'has the key "a" twice'. */
  | { readonly kind: "structure"; readonly fault: string };

/**
 * Never throws. Keys such as "__proto__" are ordinary own properties of the value.
 * @param part "part" when the text is part of a file and the caller knows its line there.
 */
export function readJson(text: string, part: "whole" | "part" = "whole"): JsonOutcome {
  const structure = boundsProblem(text) ?? repeatedKey(text);
  if (structure !== undefined) return { kind: "structure", fault: structure };
  try {
    return { kind: "value", value: JSON.parse(text) };
  } catch {
    return { kind: "syntax", fault: `not JSON${whereNot(text, part)}` };
  }
}

/** The value that a text holds; undefined where `readJson` refuses the text. */
export function tryJson(text: string): unknown {
  const found = readJson(text);
  return found.kind === "value" ? found.value : undefined;
}

/**
 * The value that `text` holds.
 * @param what the name of the text in errors: "the answer".
 * @throws PithError with `code` when it is not JSON, or more than `json-bounds.ts` allows, or repeats a key.
 */
export function parseJson(text: string, code: PithErrorCode, place: ErrorPlace, what: string): unknown {
  const found = readJson(text);
  if (found.kind === "value") return found.value;
  const predicate = found.kind === "syntax" ? `is ${found.fault}` : found.fault;
  throw new PithError(code, `${what} ${predicate}`, { place });
}

/**
 * The object that UTF-8 `bytes` hold.
 * @throws PithError with `code` when they are not UTF-8, not an object, or refused as in `parseJson`.
 */
export function parseJsonObject(
  bytes: Uint8Array,
  code: PithErrorCode,
  place: ErrorPlace,
  what: string,
): Record<string, unknown> {
  const fail = (message: string) => new PithError(code, `${what} ${message}`, { place });

  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fail("is not UTF-8 text");
  }
  const value = parseJson(text, code, place, what);
  if (!isRecord(value)) throw fail("is not a JSON object");
  return value;
}

/** UTF-16 units that are checked in one step. */
const PART_LENGTH = 2 ** 16;

function boundsProblem(text: string): string | undefined {
  const bounds = jsonBounds();
  const encoder = new TextEncoder();
  for (let at = 0; at < text.length; at += PART_LENGTH) {
    // A character that is cut in two at the end of a part becomes another character, but never a bracket.
    const problem = bounds.add(encoder.encode(text.slice(at, at + PART_LENGTH)));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The engine's message is left out, also as a cause, because it quotes the file. */
function whereNot(text: string, part: "whole" | "part"): string {
  const found = jsonFaultAt(text);
  if (found === undefined) return "";
  const { line, column, ended } = found;
  if (part === "whole")
    return ended ? `: it ends too early, in line ${line}` : `: see line ${line}, column ${column}`;
  if (ended) return ": it ends too early";
  return line === 1 ? `: see character ${column}` : "";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of an own property; inherited properties do not count. */
export function ownProperty(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Text for an error that shows a JSON value from outside. */
export function describeValue(value: unknown): string {
  return value === undefined ? "nothing" : shorten(JSON.stringify(value));
}

/** The first key that an object of the text has twice. Text that is not JSON is left for JSON.parse to refuse. */
function repeatedKey(text: string): string | undefined {
  // For each open bracket: the keys seen so far, or undefined in an array.
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{" || character === "[") {
      open.push(character === "{" ? new Set() : undefined);
    } else if (character === "}" || character === "]") {
      open.pop();
    } else if (character === '"') {
      const start = at;
      at = closingQuote(text, at);
      const keys = open.at(-1);
      if (keys === undefined || !isColonNext(text, at + 1)) continue;
      const key = unquote(text.slice(start, at + 1));
      if (key === undefined) return undefined;
      if (keys.has(key)) return `has the key "${shorten(key)}" twice`;
      keys.add(key);
    }
  }
  return undefined;
}

function closingQuote(text: string, opening: number): number {
  let at = opening + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

function isColonNext(text: string, from: number): boolean {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return text[at] === ":";
}

function unquote(literal: string): string | undefined {
  if (!literal.includes("\\")) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}
