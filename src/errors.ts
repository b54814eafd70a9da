/**
 * The one error type that users meet. A `PithError` is a fault of the input or of the machine, never of Pith's
 * own code: it says what was wrong, where, and what to do next, and the command line prints it without a stack
 * and exits with code 2. Anything else that is thrown is a bug and keeps its stack.
 *
 * Errors contain names and values from files of unknown origin. Therefore a `PithError` always shortens its text
 * and escapes control characters.
 */
import { printableText, shorten } from "./printable.ts";

/** The kind of fault; programs branch on it, people read the message. */
export type PithErrorCode =
  | "checkpoint" // safetensors or weights that are not valid
  | "config" // config.json
  | "tokenizer"
  | "task" // a task file, its lines and splits
  | "options" // a flag or an argument
  | "circuit" // a circuit.json or a circuit folder
  | "output" // a folder that exists, a disk that is full
  | "hub" // a download
  | "verification" // the standalone and the patched model differ
  | "runtime"; // the compute engine failed

/** The place of the fault; every known field is given. */
export interface ErrorPlace {
  /** The file, by the path that the user gave. */
  readonly file?: string;
  /** The line of the file, counted from 1. */
  readonly line?: number;
  /** The name of the tensor in its checkpoint. */
  readonly tensor?: string;
  /** The field of a file or a request, or the option: "options.alpha", "trace[3].kl". */
  readonly field?: string;
  /** The address of a download. */
  readonly url?: string;
}

/**
 * A fault of the input or of the machine: what was wrong, where, and what to do next. Any other error that Pith
 * throws is a bug in Pith.
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
  /** Identifies the error without its class, for example after `structuredClone`. */
  override readonly name = "PithError";
  /** The kind of fault, for programs. */
  readonly code: PithErrorCode;
  /** The place of the fault; may be empty. */
  readonly place: ErrorPlace;
  /** What to do about it, in one sentence; empty if the message already says it. */
  readonly advice: string;

  /**
   * Text of any length and content may be given: long text is cut, and control characters are escaped.
   * @param found what was wrong, without the place (which is put in front) and without advice.
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

/** In UTF-16 units. The author of a message shortens the values in it; these limits are for forgotten ones. */
const LONGEST_TEXT = 1000;
const LONGEST_NAME = 120;
const LONGEST_ADDRESS = 500;

/** Applying it twice is the same as applying it once, because errors are made from errors. */
function readable(text: string, longest: number): string {
  // Text is cut first, because escaping a gigabyte takes long, and again after escaping has made it longer.
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
