/**
 * The part that all commands share: progress, Ctrl-C, uniform errors, and closing of models at the end. A command
 * is a function from its options to its output.
 */
import type { OnEvent } from "../jobs/events.ts";
import type { TerminalStyle } from "../report/terminal-style.ts";
import { reportFailure, reportInterruption } from "./failure.ts";
import { watchInterruptions } from "./interruption.ts";
import { showProgress } from "./progress.ts";
import { printJson, printReport } from "./streams.ts";

export interface CommandWork {
  readonly signal: AbortSignal;
  readonly onEvent: OnEvent;
  /** Makes sure that `thing` is closed when the command ends, for whatever reason. */
  readonly closing: <T extends { close(): Promise<void> }>(thing: T) => T;
}

export interface Outcome {
  readonly json: object;
  readonly report: (style: TerminalStyle) => string;
}

/**
 * @param afterInterruption the message for a user who stopped the command.
 * @returns the exit code.
 */
export async function perform(
  command: (work: CommandWork) => Promise<Outcome>,
  options: { readonly json?: boolean; readonly afterInterruption?: string },
): Promise<number> {
  const progress = showProgress();
  const { signal, stop } = watchInterruptions(progress.finish);
  signal.addEventListener("abort", progress.stopping);
  const open: { close(): Promise<void> }[] = [];
  const closing: CommandWork["closing"] = (thing) => {
    open.push(thing);
    return thing;
  };
  try {
    const { json, report } = await command({ signal, onEvent: progress.onEvent, closing });
    progress.finish();
    if (options.json === true) printJson(json);
    else printReport(report);
    return 0;
  } catch (error) {
    progress.finish();
    // After an interruption, later errors are consequences of it.
    if (!signal.aborted) return reportFailure(error, options);
    return reportInterruption(options.afterInterruption, options);
  } finally {
    for (const thing of open.reverse()) await thing.close().catch(() => {});
    stop();
  }
}
