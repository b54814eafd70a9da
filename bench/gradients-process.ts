/**
 * One backward pass in a process of its own, so that the peak of resident memory is caused by it. Prints one line of
 * JSON. Called by `gradients.ts`.
 */
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import { peakMemory } from "../src/runtime/peak-memory.ts";
import { gateKinds, uniformGates } from "../src/transformer/gates.ts";
import { openSeededGates } from "./seeded-gates.ts";

export interface GradientsJob {
  readonly folder: string;
  readonly prompts: number;
  readonly length: number;
  readonly threads: number;
  readonly holds: boolean;
}

export interface GradientsReport {
  readonly peakBytes: number;
  /** Before the pass: the program, and the prompts' embeddings. */
  readonly beforeBytes: number;
}

const job = JSON.parse(process.argv[2] ?? "") as GradientsJob;
const checkpoint = await openCheckpoint(job.folder);
const model = await readTransformer(checkpoint);
const runtime = workerRuntime({ threads: job.threads });
const gated = openSeededGates(runtime, model, job);
const beforeBytes = peakMemory();
await gated.gradients(uniformGates(gated.shape, 0.5), { loss: "cross-entropy", of: gateKinds });
const report: GradientsReport = { peakBytes: peakMemory(), beforeBytes };
console.log(JSON.stringify(report));
await gated.close();
await runtime.close();
await checkpoint.close();
