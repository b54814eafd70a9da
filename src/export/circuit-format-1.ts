/**
 * circuit.json as Pith wrote it before format 2: heads and MLPs are two lists, and one object holds the options
 * of the search, of the replacement and of the prompts. Pith still reads this format, but does not write it.
 */
import { z } from "zod";
import { greedySchema } from "../discovery/searches/greedy/greedy.ts";
import { passesOption } from "../discovery/searches/greedy/greedy-options.ts";
import { circuitOfLists } from "../transformer/circuit.ts";
import {
  count,
  factsShape,
  modelSchema,
  replacementSchema,
  size,
  taskSchema,
  traceSchema,
} from "./circuit-facts-schema.ts";
import type { CircuitFile, Fail } from "./circuit-file.ts";
import { stabilityShape } from "./stability-record.ts";

export const format1 = "pith.circuit/1";

const lists = {
  /** Kept heads, ascending: [layer, head]. */
  heads: z.array(z.tuple([count, count])),
  /** Layers whose MLP is kept, ascending. */
  mlps: z.array(count),
};

export const schema1 = z.object({
  format: z.literal(format1),
  ...factsShape,
  model: modelSchema,
  task: taskSchema,
  options: z.object({
    /** For a search for a target: the threshold that it began with, or the lowest that it tried. */
    alpha: greedySchema.shape.alpha.unwrap(),
    maxKl: greedySchema.shape.maxKl,
    /** The maximal number of passes; left out: one. */
    passes: size.optional(),
    ...replacementSchema.shape,
    /** Whether MLPs were tried. */
    mlps: z.boolean(),
    order: greedySchema.shape.order.unwrap(),
    seed: count,
    bos: z.boolean(),
  }),
  ...lists,
  trace: traceSchema,
  /** What searches on resampled prompts found, if there were any. */
  stability: z.object({ ...stabilityShape, full: z.object({ ...lists, kl: z.number() }) }).optional(),
});

type Format1 = z.infer<typeof schema1>;

/** @throws the error that `fail` makes from a field and a message. */
export function readFormat1(file: Format1, fail: Fail): CircuitFile {
  checkLists(file, fail);
  const { format: _, task, options, heads, mlps, trace, stability, target, ...facts } = file;
  const { alpha, maxKl, passes = 1, order, ablation, valueBias, means, seed, bos } = options;
  const common = { ...(maxKl !== undefined && { maxKl }), order };
  // A search ends long before its thousandth pass.
  const greedy = { alpha, ...common, passes: Math.min(passes, passesOption.range.most ?? passes) };
  return {
    ...facts,
    task: { ...task, seed, bos },
    search:
      target === undefined
        ? { name: "greedy", options: greedy, trace }
        : { name: "target", options: common, trace },
    onTrial: options.mlps ? ["head", "mlp"] : ["head"],
    replacement: { ablation, ...(valueBias && { valueBias }), means },
    kept: circuitOfLists({ heads, mlps }),
    ...(stability && {
      stability: {
        ...stability,
        full: { kept: circuitOfLists(stability.full), kl: stability.full.kl },
      },
    }),
    ...(target && { target: target.alpha === undefined ? { ...target, leastAlpha: alpha } : target }),
  };
}

function checkLists({ model, heads, mlps }: Format1, fail: Fail): void {
  for (const [index, [layer, head]] of heads.entries()) {
    const field = `heads[${index}]`;
    if (head >= (model.heads[layer] ?? 0)) {
      throw fail(field, `the model has no head ${head} in layer ${layer}`);
    }
    const before = heads[index - 1];
    if (before !== undefined && (before[0] > layer || (before[0] === layer && before[1] >= head))) {
      throw fail(field, "must come after the one before it: heads are listed once, ascending");
    }
  }
  for (const [index, layer] of mlps.entries()) {
    const field = `mlps[${index}]`;
    if (layer >= model.layers) throw fail(field, `the model has no layer ${layer}`);
    if ((mlps[index - 1] ?? -1) >= layer) {
      throw fail(field, "must be above the one before it: layers are listed once, ascending");
    }
  }
}
