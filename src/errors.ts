/**
 * The one error type that users meet. A `PithError` is a fault of the input or of the machine, never of
 * Pith's own code: it says what was wrong, where, and what to do next, and the command line prints it
 * without a stack and exits with code 2. Anything else that is thrown is a bug and keeps its stack.
 *
 * Errors repeat names and values of files that a stranger made. Whatever they repeat, a `PithError` is short and
 * holds no control characters.
 */
import { printableText, shorten } from "./printable.ts";

/** What kind of thing was wrong; programs branch on it, people read the message. */
export type PithErrorCode =
  | "checkpoint" // safetensors or weights that can't be what they claim
  | "config" // config.json
  | "tokenizer"
  | "task" // a task file, its lines and splits
  | "options" // a flag or an argument
  | "circuit" // a circuit.json or a circuit folder
  | "output" // a folder that exists, a disk that is full
  | "hub" // a download
  | "verification" // standalone and patched disagree
  | "runtime"; // the compute engine refused

/** Where the fault lies; every field that is known is given. */
export interface ErrorPlace {
  /** The file, by the path that was given. */
  readonly file?: string;
  /** The line of the file, counted from 1. */
  readonly line?: number;
  /** The name of the tensor in its checkpoint. */
  readonly tensor?: string;
  /** The field of a file or a request, or the option: "options.alpha", "trace[3].kl". */
  readonly field?: string;
  /** The address, for what was to come from the network. */
  readonly url?: string;
}

/**
 * A fault of the input or of the machine: what was wrong, where, and what to do next. Whatever else Pith throws is
 * a mistake in Pith.
 * @example
 * ```ts
 * try {
 *   await loadModel("./gpt2");
 * } catch (error) {
 *   if (!(error instanceof PithError)) throw error;
 *   console.error(error.code, error.place.file, error.message);
 * }
 * ```
 */
export class PithError extends Error {
  /** Tells the error from others where its class is not at hand, as after `structuredClone`. */
  override readonly name = "PithError";
  /** The kind of thing that was wrong: for programs to branch on. */
  readonly code: PithErrorCode;
  /** Where the fault lies; empty where there is no such place. */
  readonly place: ErrorPlace;
  /** What to do about it, one sentence; empty when the message says it already. */
  readonly advice: string;

  /**
   * Text of any length and content may be given: what is too long is cut, and control characters are escaped.
   * @param found what was wrong, without the place (it is put in front) and without advice.
   */
  constructor(
    code: PithErrorCode,
    found: string,
    details: { readonly place?: ErrorPlace; readonly advice?: string; readonly cause?: unknown } = {},
  ) {
    const place = readablePlace(details.place ?? {});
    const advice = readable(details.advice ?? "", LONGEST_TEXT);
    const message = readable(found, LONGEST_TEXT);
    super(
      describePlace(place) + (advice === "" ? message : `${endSentence(message)} ${advice}`),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.place = place;
    this.advice = advice;
  }
}

/** In UTF-16 units. Who writes a message shortens the values in it; these bounds are for what was forgotten. */
const LONGEST_TEXT = 1000;
const LONGEST_NAME = 120;
const LONGEST_ADDRESS = 500;

/** Giving it what it gave back changes nothing: errors are made of errors. */
function readable(text: string, longest: number): string {
  // Cut first, since escaping a gigabyte takes long, and once more for what escapes have added.
  const escaped = printableText(text.length <= longest ? text : shorten(text, longest - 1));
  return escaped.length <= longest ? escaped : shorten(escaped, longest - 1);
}

function readablePlace({ file, line, tensor, field, url }: ErrorPlace): ErrorPlace {
  return {
    ...(file !== undefined && { file: readable(file, LONGEST_ADDRESS) }),
    ...(line !== undefined && { line }),
    ...(tensor !== undefined && { tensor: readable(tensor, LONGEST_NAME) }),
    ...(field !== undefined && { field: readable(field, LONGEST_NAME) }),
    ...(url !== undefined && { url: readable(url, LONGEST_ADDRESS) }),
  };
}

/** Advice comes after the message as a sentence of its own. */
function endSentence(message: string): string {
  return /[.!?…:;]["'”’)]*$/.test(message) ? message : `${message}.`;
}

function describePlace(place: ErrorPlace): string {
  const parts: string[] = [];
  if (place.file !== undefined)
    parts.push(place.line === undefined ? place.file : `${place.file}:${place.line}`);
  if (place.url !== undefined) parts.push(place.url);
  if (place.tensor !== undefined) parts.push(`tensor "${place.tensor}"`);
  if (place.field !== undefined) parts.push(`"${place.field}"`);
  return parts.length === 0 ? "" : `${parts.join(", ")}: `;
}
