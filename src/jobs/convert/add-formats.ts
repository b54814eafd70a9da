/** Adds number formats to a circuit's own folder, beside its float32 model (Node). */
import { resolve } from "node:path";
import { PithError } from "../../errors.ts";
import type { NarrowDtype } from "../../export/dtype.ts";
import { dtypesIn } from "../../export/formats.ts";
import { readCircuitFolder } from "../../export/read-folder.ts";
import { circuitFolder, prepareExtendedFolder } from "../../export/write-folder.ts";
import { claimOutputFolder } from "../../files/output-folder.ts";
import { answerLogits } from "../../measure/answer-logits.ts";
import type { GiveLogits } from "../../measure/compare.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import { shipBeside } from "../extract/export-dtype.ts";
import { measuredAs } from "../extract/measured-as.ts";
import { openGraph } from "../read-graph.ts";
import { requireSame } from "../same-weights.ts";
import { withEngine } from "../with-engine.ts";
import { type Conversion, type ConvertOptions, checkConvertible, examplesOf } from "./convert.ts";

export interface AddFormatsOptions extends Omit<ConvertOptions, "dtype"> {
  /** Each once. */
  readonly dtypes: readonly NarrowDtype[];
}

/**
 * Writes a new folder beside the old one, and replaces the old one when the new one is complete.
 * @throws PithError "circuit" for a folder that is not a float32 circuit's, "options" for another task than its
 * own or, without `force`, for a format that exists; "verification" for a loss above `dtypeBounds` without
 * `force`.
 */
export async function addFormats(directory: string, options: AddFormatsOptions): Promise<Conversion> {
  const { dtypes, task, original, signal, onEvent, force = false } = options;
  const release = await claimOutputFolder(directory, { force: true, ...circuitFolder });
  const runtime = workerRuntime({ threads: options.threads });
  try {
    return await withEngine(runtime, signal, async () => {
      const folder = await readCircuitFolder(directory, { whole: true });
      checkConvertible(folder, task);
      const there = dtypes.find((dtype) => dtypesIn(folder.record).includes(dtype));
      if (there !== undefined && !force) {
        throw new PithError("options", `${directory} holds ${there} already.`, {
          place: { field: "--dtype" },
          advice: "Leave it out, or make it anew with --force.",
        });
      }
      if (original !== undefined) await requireSame(folder, original);
      const reference: GiveLogits | undefined =
        original &&
        ((prompts, visit) => answerLogits(runtime, original.transformer, prompts, visit, { signal }));
      const { graph, close } = await openGraph(folder.modelPath);
      const prepared = await prepareExtendedFolder(directory, { signal });
      try {
        const circuit = await shipBeside(
          {
            ...{ runtime, graph, prepared, force, signal, onEvent },
            ...measuredAs(folder.circuit, examplesOf(folder, task), { runtime, reference, signal }),
          },
          folder.record,
          dtypes,
        );
        return { folder: resolve(directory), circuit: await prepared.commit(circuit) };
      } catch (error) {
        await prepared.discard();
        throw error;
      } finally {
        await close();
      }
    });
  } finally {
    await release();
  }
}
