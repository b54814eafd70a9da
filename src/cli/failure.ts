/** Reports the failure of a command and gives the exit code. */
import { PithError } from "../errors.ts";
import { machineError } from "../files/file-error.ts";
import { INTERRUPTED_EXIT_CODE } from "./interruption.ts";
import { printJson, printNote } from "./streams.ts";

/** For faults that the user can correct: bad input, bad options, an unsuitable machine. */
const USAGE_EXIT_CODE = 2;
/** For a bug in Pith. */
const BUG_EXIT_CODE = 1;

/**
 * Prints the error to stderr and, with `json`, to stdout as well: one object with a field "error", by which a
 * program can distinguish it from a result.
 */
export function reportFailure(thrown: unknown, { json = false }: { readonly json?: boolean } = {}): number {
  const error = machineError(thrown) ?? thrown;
  if (error instanceof PithError) {
    const { code, message, place, advice } = error;
    if (json) printJson({ error: { code, message, place, advice } });
    printNote(`error: ${message}`);
    return USAGE_EXIT_CODE;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (json) printJson({ error: { code: "bug", message } });
  printNote(`unexpected error: ${error instanceof Error ? (error.stack ?? message) : message}`);
  if (error instanceof Error && error.cause !== undefined) printNote(`caused by: ${String(error.cause)}`);
  printNote("This is a bug in Pith. Please report it, with the command and the lines above.");
  return BUG_EXIT_CODE;
}

/** @param next what the user can do now. */
export function reportInterruption(
  next: string | undefined,
  { json = false }: { readonly json?: boolean },
): number {
  const message = ["interrupted", next].filter(Boolean).join("; ");
  if (json) printJson({ error: { code: "interrupted", message } });
  printNote(message);
  return INTERRUPTED_EXIT_CODE;
}

/** For an error that commander threw after it had printed its own message or the help to stderr. */
export function reportUsage(
  error: { readonly exitCode: number; readonly message: string },
  { json = false }: { readonly json?: boolean },
): number {
  if (error.exitCode === 0) return 0;
  if (json) printJson({ error: { code: "usage", message: error.message.replace(/^error: /, "") } });
  return USAGE_EXIT_CODE;
}
