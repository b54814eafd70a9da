/** The end of a command that did not succeed: what is said about it, and the exit code. */
import { PithError } from "../errors.ts";
import { printNote } from "./streams.ts";

/** Bad input, bad options, a machine that can't: the user's to mend. */
const USAGE_EXIT_CODE = 2;
/** A bug of Pith's. */
const BUG_EXIT_CODE = 1;

/** Prints to stderr. */
export function reportFailure(error: unknown): number {
  if (error instanceof PithError) {
    printNote(`error: ${error.message}`);
    return USAGE_EXIT_CODE;
  }
  printNote(`unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  if (error instanceof Error && error.cause !== undefined) printNote(`caused by: ${String(error.cause)}`);
  printNote("This is a bug in Pith. Please report it, with the command and the lines above.");
  return BUG_EXIT_CODE;
}

/** For what commander threw after it had printed its own message or the help. */
export function usageExitCode(error: { readonly exitCode: number }): number {
  return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
}
