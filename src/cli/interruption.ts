/**
 * Ctrl-C and SIGTERM: the first one asks the work to stop at the next suitable moment, the second one kills the
 * process.
 */

/** The reason with which work is aborted. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** 128 + SIGINT, as shells count. */
export const INTERRUPTED_EXIT_CODE = 130;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Stops watching the signals, so that they have their default effect again. */
  readonly stop: () => void;
}

/** @param beforeKill restores the terminal; it must not wait for anything. */
export function watchInterruptions(beforeKill: () => void): Interruption {
  const controller = new AbortController();
  const stop = () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  const onSignal = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      controller.abort(new Interrupted(`stopped by ${name}`));
      return;
    }
    // Not process.exit: it would wait for the compute thread, which may be in the middle of a matrix product.
    beforeKill();
    stop();
    process.kill(process.pid, name);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return { signal: controller.signal, stop };
}
