/**
 * Searches on a real language model, SmolLM2-135M-Instruct, against a reference's (test/golden/smollm2/README.md): as a
 * GGUF file, and as the folder of float16 weights on which the reference was computed, which is made of that file here.
 * `PITH_SMOLLM2` says where the GGUF file lies; without it nothing of this runs.
 */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
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

/**
 * Nats, by the reference's KL: what float32 allows, and the same of the weights before they were narrowed to float16.
 * Other weights move a KL of 12 nats (zero ablation has such) by more than one of 0.1, so theirs is a share above 1.
 */
const tolerance = { folder: () => 1e-3, gguf: (kl: number) => 5e-3 * Math.max(1, kl) } as const;
/** Distances of a trial's delta from α within which it may be decided otherwise. */
const margin = { folder: 2e-4, gguf: 1e-3 } as const;
type Source = keyof typeof tolerance;

const golden = "test/golden/smollm2";
/** All of that folder, so that none can be left out. */
const tasks = readdirSync(golden).flatMap((name) => /^smollm2-(.*)\.expected\.json$/.exec(name)?.[1] ?? []);
const runs = tasks.flatMap((task) => {
  const searches: readonly RealSearch[] = JSON.parse(
    readFileSync(`${golden}/smollm2-${task}.expected.json`, "utf8"),
  );
  return searches.flatMap((reference) =>
    (["folder", "gguf"] as const).map((source) => {
      const { ablation, means, alpha } = reference;
      const name = `${task}, ${ablation}, ${means}, α ${alpha}, by the ${source}`;
      return [name, { task, reference, source }] as const;
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
    "%s",
    async (name, { task, reference, source }) => {
      const { transformer, tokenizer } = models[source];
      const { alpha, ablation, means, order, include_mlps: mlps } = reference;
      const encoded = encodePrompts(
        await readTask(`${golden}/smollm2-${task}.jsonl`),
        tokenizer,
        transformer.contextLength,
        { means, bos: false, seed: 0 },
      );
      const { circuit, trace, kl } = await runSearch(runtime, transformer, {
        ablation: ablation === "zero" ? "zero" : means,
        ...{ patching: tokenIds(encoded.patching), validation: tokenIds(encoded.validation) },
        ...{ alpha, mlps, order },
      });
      const named = ({ layer, component }: Decision) => ({ layer, component });
      expect(trace.map(named)).toEqual(reference.trace.map(named));
      // A trial near α may be decided otherwise, and what comes after it is another search.
      const differs = trace.findIndex(({ pruned }, step) => pruned !== reference.trace[step]?.pruned);
      const isSame = differs === -1;
      const held = isSame ? trace.length : differs + 1;
      if (!isSame) {
        const { layer, component, delta } = found(reference.trace[differs]);
        console.info(
          `${name}: step ${differs}, layer ${layer}, ${component}, is decided otherwise at ${delta}`,
        );
        expect(Math.abs(delta - alpha)).toBeLessThan(margin[source]);
      }
      const compared = trace.slice(0, held).map((decision, step) => {
        const { kl } = found(reference.trace[step]);
        return { kl, difference: Math.abs(decision.kl - kl) };
      });
      const { kl: ofLargest, difference: largest } = found(
        compared.toSorted((one, other) => other.difference - one.difference)[0],
      );
      console.info(`${name}: every KL of ${held} trials within ${largest}, which is at a KL of ${ofLargest}`);
      for (const { kl, difference } of compared) expect(difference).toBeLessThan(tolerance[source](kl));
      if (!isSame) return;
      expect(listsOf(circuit)).toEqual({ heads: reference.kept_heads, mlps: reference.kept_mlps });
      expect(Math.abs(kl - reference.kl)).toBeLessThan(tolerance[source](reference.kl));
    },
    3_600_000,
  );
});
