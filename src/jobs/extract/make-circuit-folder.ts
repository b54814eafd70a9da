/**
 * Makes the folder of a circuit: it is cut, lowered, written beside its place, verified against the patched model,
 * measured, and gets its name last.
 */
import { cutCircuit } from "../../cut/cut-circuit.ts";
import type { HeadCut } from "../../cut/head-cut.ts";
import type { StreamConstants } from "../../discovery/gates/gate-passes.ts";
import type { Replacements } from "../../discovery/replacements.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Profile } from "../../export/config-json.ts";
import type { Dtype, NarrowDtype } from "../../export/dtype.ts";
import { prepareCircuitFolder } from "../../export/write-folder.ts";
import type { OperatorSet } from "../../lowering/operator-set.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import type { Circuit } from "../../transformer/circuit.ts";
import type { OnEvent } from "../events.ts";
import { type Model, specialTokens } from "../load-model.ts";
import { shipStandaloneAs } from "./export-dtype.ts";
import { type ExtractionTiming, measureCircuit } from "./measure-circuit.ts";

export interface ShipJob {
  readonly runtime: Runtime;
  /** The original. */
  readonly model: Model;
  readonly encoded: EncodedTask;
  readonly out: string;
  readonly circuit: Circuit;
  readonly replacements: Replacements;
  /** How kept heads are cut; undefined: they stay whole. */
  readonly cut: HeadCut | undefined;
  /** Vectors that were fitted to the circuit; left out: none. */
  readonly constants?: StreamConstants | undefined;
  readonly profile: Profile;
  readonly settings: {
    readonly operators: OperatorSet;
    readonly dtype: Dtype;
    readonly formats: readonly NarrowDtype[];
    readonly force: boolean;
  };
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
  /** circuit.json's content from the metrics of the float32 model. */
  readonly describe: (metrics: CircuitFile["metrics"]) => CircuitFile;
}

export interface ShippedCircuit {
  /** circuit.json's content as it was written. */
  readonly circuit: CircuitFile;
  readonly timing: ExtractionTiming | undefined;
}

/** @throws PithError "output" for the folder, "verification" for a standalone model that disagrees with the patched one. */
export async function makeCircuitFolder(job: ShipJob): Promise<ShippedCircuit> {
  const { model, circuit, replacements, cut, constants, profile, out, settings, signal, onEvent } = job;
  onEvent?.({ kind: "step", step: "export" });
  const standalone = await cutCircuit(model.transformer, circuit, replacements, cut, constants);
  const prepared = await prepareCircuitFolder(
    out,
    {
      model: standalone,
      profile,
      tokenizer: model.tokenizer.files,
      specialTokens: specialTokens(model),
      operators: settings.operators,
    },
    {
      force: settings.force,
      signal,
      onProgress: (done, total) => onEvent?.({ kind: "progress", step: "export", done, total }),
    },
  );
  try {
    const { metrics, timing } = await measureCircuit({ ...job, standalone, prepared });
    const asShipped = await shipStandaloneAs(job, {
      circuit: job.describe(metrics),
      standalone,
      profile,
      prepared,
    });
    return { circuit: await prepared.commit(asShipped), timing };
  } catch (error) {
    await prepared.discard();
    throw error;
  }
}
