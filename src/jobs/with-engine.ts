/** Runs an engine for one piece of work (Node): it is closed at the end, or at once when the work is aborted. */
import type { Runtime } from "../runtime/runtime.ts";

/** @throws the signal's reason when aborted, because later errors are consequences of stopping the engine. */
export async function withEngine<Result>(
  runtime: Runtime,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const stop = () => void runtime.close();
  signal?.addEventListener("abort", stop);
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await runtime.close();
  }
}
