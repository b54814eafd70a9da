/**
 * One extraction, in a process of its own, so that the peak of resident memory is the extraction's. Prints one line of
 * JSON. Called by `extract-memory.ts`.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Extraction, extract } from "../src/jobs/extract/extract.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { peakMemory } from "../src/runtime/peak-memory.ts";
import { componentsOf } from "../src/transformer/circuit.ts";
import { seededPrompts } from "./random-model.ts";
import { registerTopLayers, topLayers } from "./top-layers.ts";

export interface ExtractJob {
  readonly folder: string;
  readonly prompts: number;
  readonly length: number;
  readonly threads: number;
  /** The components of so many layers are tried, from the last on; left out: all, by the greedy search. */
  readonly layers?: number;
  /** The bound of memory, in bytes; left out: there is none. */
  readonly memory?: number;
}

export interface ExtractReport {
  /** Of the process, which starts no other. */
  readonly peakBytes: number;
  /** With a bound: what was estimated before the start, and what went to the disk. */
  readonly planned: Extraction["memory"];
  /** Peak when each step had ended. */
  readonly peaks: Readonly<Record<string, number>>;
  readonly evaluated: number;
  readonly kept: number;
  readonly seconds: number;
}

const job = JSON.parse(process.argv[2] ?? "") as ExtractJob;
registerTopLayers();
const room = await mkdtemp(join(tmpdir(), "pith-bench-"));
const peaks: Record<string, number> = {};
let step = "start";
const enter = (next: string) => {
  peaks[step] = peakMemory();
  step = next;
};
try {
  const model = await loadModel(job.folder);
  const lines = (["patching", "validation"] as const).flatMap((split, index) =>
    seededPrompts(job.prompts, job.length + 1, model.transformer.vocabularySize, index + 1).map((ids) => {
      const words = ids.map((id) => `w${id}`);
      return JSON.stringify({ prompt: words.slice(0, -1).join(" "), answer: ` ${words.at(-1)}`, split });
    }),
  );
  const file = join(room, "task.jsonl");
  await writeFile(file, `${lines.join("\n")}\n`);
  const task = await readTask(file, { tokenizer: model.tokenizer });
  const { circuit, seconds, memory } = await extract(model, task, join(room, "circuit"), {
    ...{ threads: job.threads, allowWeak: true },
    ...(job.memory !== undefined && { memory: job.memory }),
    ...(job.layers !== undefined && { search: { name: topLayers, options: { layers: job.layers } } }),
    onEvent(event) {
      if (event.kind === "step") enter(event.step);
      if (event.kind === "note") process.stderr.write(`${event.note}\n`);
      if (event.kind === "decision" && process.stderr.isTTY) {
        process.stderr.write(`\r  candidate ${event.done}/${event.total} `);
      }
    },
  });
  enter("end");
  const report: ExtractReport = {
    ...{ peakBytes: peakMemory(), peaks, seconds, planned: memory },
    evaluated: circuit.search.trace.length,
    kept: componentsOf(circuit.kept).length,
  };
  console.log(JSON.stringify(report));
  await model.close();
} finally {
  await rm(room, { recursive: true, force: true });
}
