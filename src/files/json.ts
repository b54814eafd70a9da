/**
 * JSON that came from outside. `JSON.parse` takes the last of two equal keys in silence, and a few megabytes of
 * "[[[[" can exhaust memory, so both are looked for before it runs.
 */
import { type ErrorPlace, PithError, type PithErrorCode } from "../errors.ts";
import { shorten } from "../printable.ts";
import { jsonFaultAt } from "./json-fault.ts";

/** Far above any real header or config: they are 3 to 5 deep. */
const DEEPEST_NESTING = 64;
/** More than 100 MB of honest tensor descriptions have; as many "{}" would take gigabytes and a minute. */
const MOST_CONTAINERS = 5_000_000;

/**
 * The object that UTF-8 `bytes` hold. Keys such as "__proto__" are ordinary own properties of it.
 * @throws PithError with `code` when they are not UTF-8, not JSON, not an object, or repeat a key.
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
  const problem = structureProblem(text);
  if (problem !== undefined) throw fail(problem);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fail(`is not JSON${whereNot(text)}`);
  }
  if (!isRecord(value)) throw fail("is not a JSON object");
  return value;
}

/** Without the engine's message and as no cause: it quotes the file. */
function whereNot(text: string): string {
  const found = jsonFaultAt(text);
  if (found === undefined) return "";
  const { line, column, ended } = found;
  return ended ? `: it ends too early, in line ${line}` : `: see line ${line}, column ${column}`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of an own property: never one that every object inherits. */
export function ownProperty(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Repeats a JSON value from outside in an error. */
export function describeValue(value: unknown): string {
  return value === undefined ? "nothing" : shorten(JSON.stringify(value));
}

/** Looks for repeated keys and deep nesting; text that is not JSON is left for JSON.parse to refuse. */
function structureProblem(text: string): string | undefined {
  // For each open bracket: the keys seen so far, or undefined in an array.
  const open: (Set<string> | undefined)[] = [];
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{" || character === "[") {
      if (open.length === DEEPEST_NESTING) return `nests deeper than ${DEEPEST_NESTING} levels`;
      if (++containers > MOST_CONTAINERS) return `has more than ${MOST_CONTAINERS} objects and lists`;
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
