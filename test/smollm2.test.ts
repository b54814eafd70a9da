/**
 * Searches on a real language model, SmolLM2-135M-Instruct, against a reference's (test/golden/smollm2/README.md): as a
 * GGUF file, and as the folder of float16 weights on which the reference was computed, which is made of that file here.
 * `PITH_SMOLLM2` says where the GGUF file lies; without it nothing of this runs.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { loadModel, type Model } from "../src/jobs/load-model.ts";
import { encodePrompts, tokenIds } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import type { ReferenceSearch } from "./support/family-reference.ts";
import { writeFloat16Folder } from "./support/float16-folder.ts";
import { found } from "./support/run-model.ts";
import { runSearch } from "./support/run-search.ts";

const file = process.env["PITH_SMOLLM2"] ?? "";
const given = file !== "";

interface RealSearch extends Omit<ReferenceSearch, "final_logprobs"> {
  readonly min_margin: number;
}

/** Nats: what float32 allows, and the same of the weights before they were narrowed to float16. */
const tolerance = { folder: 1e-3, gguf: 5e-3 } as const;
/** Distances of a trial from α within which a decision may be another. */
const margin = { folder: 2e-4, gguf: 1e-3 } as const;
type Source = keyof typeof tolerance;

const runs = ["ioi", "greater-than-ones", "docstring"].flatMap((task) => {
  const searches: readonly RealSearch[] = JSON.parse(
    readFileSync(`test/golden/smollm2/smollm2-${task}.expected.json`, "utf8"),
  );
  return searches.flatMap((golden) =>
    (["folder", "gguf"] as const).map((source) => {
      const { ablation, means, alpha } = golden;
      return { name: `${task}, ${ablation}, ${means}, α ${alpha}, by the ${source}`, task, golden, source };
    }),
  );
});

if (!given)
  console.warn("smollm2.test.ts is skipped: PITH_SMOLLM2 names no GGUF file of SmolLM2-135M-Instruct.");

describe.skipIf(!given)("SmolLM2-135M-Instruct", () => {
  const folder = mkdtempSync(join(tmpdir(), "pith-smollm2-"));
  const runtime = inlineRuntime({ threads: 2 });
  let models: Readonly<Record<Source, Model>>;

  beforeAll(async () => {
    await writeFloat16Folder(file, folder);
    models = { folder: await loadModel(folder), gguf: await loadModel(file) };
  }, 600_000);
  afterAll(async () => {
    for (const model of Object.values(models)) await model.close();
    await runtime.close();
    await rm(folder, { recursive: true });
  });

  test.each(runs)(
    "$name",
    async ({ task, golden, source }) => {
      const { transformer, tokenizer } = models[source];
      const { alpha, ablation, means, order, include_mlps: mlps } = golden;
      const encoded = encodePrompts(
        await readTask(`test/golden/smollm2/smollm2-${task}.jsonl`),
        tokenizer,
        transformer.contextLength,
        { means, bos: false, seed: 0 },
      );
      const { circuit, trace, kl } = await runSearch(runtime, transformer, {
        ablation: ablation === "zero" ? "zero" : means,
        ...{ patching: tokenIds(encoded.patching), validation: tokenIds(encoded.validation) },
        ...{ alpha, mlps, order },
      });
      // What comes after a decision that may be another is another search.
      const near = golden.trace.findIndex(({ delta }) => Math.abs(delta - alpha) < margin[source]);
      const differs = trace.findIndex(({ pruned }, step) => pruned !== golden.trace[step]?.pruned);
      const held = near === -1 || differs === -1 ? golden.trace.length : near + 1;
      const named = ({ layer, component }: Decision) => ({ layer, component });
      expect(trace.map(named)).toEqual(golden.trace.map(named));
      const decided = (decisions: readonly Decision[]) =>
        decisions.slice(0, near === -1 ? undefined : near).map(({ pruned }) => pruned);
      expect(decided(trace)).toEqual(decided(golden.trace));
      const differences = trace
        .slice(0, held)
        .map((decision, step) => Math.abs(decision.kl - found(golden.trace[step]).kl));
      console.info(
        `${task} ${source} ${alpha}: KL within ${Math.max(...differences)}, first other decision ${differs}`,
      );
      expect(Math.max(...differences)).toBeLessThan(tolerance[source]);
      if (held < golden.trace.length) return;
      expect(listsOf(circuit)).toEqual({ heads: golden.kept_heads, mlps: golden.kept_mlps });
      expect(Math.abs(kl - golden.kl)).toBeLessThan(tolerance[source]);
    },
    3_600_000,
  );
});
