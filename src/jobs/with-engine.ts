/** An engine for the length of one piece of work (Node): closed at its end, and in its middle when it is aborted. */
import type { Runtime } from "../runtime/runtime.ts";

/** @throws the signal's reason when aborted: what fails after the engine was stopped fails because of it. */
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
