/**
 * The parts of circuit.json that both formats write alike: where the circuit came from, the form that it is shipped
 * in, and what was measured.
 */
import { z } from "zod";
import { compiledSchema } from "./compiled-record.ts";
import { dtypeSchema } from "./dtype-record.ts";
import { formatSchema } from "./format-record.ts";
import { speedSchema } from "./speed-record.ts";
import { structureSchema } from "./structure-record.ts";
import { targetSchema } from "./target-record.ts";

export const count = z.int().min(0);
export const size = z.int().min(1);
const number = z.number();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits");
const pair = z.object({ original: number, circuit: number });
const split = z.enum(["patching", "validation", "test"]);
const parameters = z.object({ body: count, embedding: count, bias: count, total: count });
const file = z.object({ name: z.string(), bytes: count, sha256 });
/** A name leads to a file of the folder, and never out of it. */
const ownFile = file.extend({
  name: z.string().regex(/^(?:onnx\/)?[A-Za-z0-9_][A-Za-z0-9_.-]*$/, "must name a file of the folder"),
});

/** Prompts of `length` tokens only, or any length with a key/value cache. */
const profile = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("aligned"), length: size }),
  /** `cacheHeads`: how many heads every cache has. Left out: as many as its layer keeps. */
  z.object({ kind: z.literal("decoder"), cacheHeads: size.optional() }),
]);

/** The original. */
export const modelSchema = z.object({
  name: z.string(),
  family: z.string(),
  layers: size,
  /** Heads of each layer. */
  heads: z.array(count),
  width: size,
  vocabulary: size,
  /** The longest prompt, in tokens. */
  context: size,
  /** The files that held its weights. */
  files: z.array(file),
  /** How its checkpoint was read where its config.json says otherwise, and what was left out: sentences. */
  notes: z.array(z.string()).optional(),
});

export const taskSchema = z.object({
  name: z.string(),
  sha256,
  /** Whether it was drawn from the built-in task of this name; left out: a file. */
  builtin: z.boolean().optional(),
  /** Labels that were given beside the file, for all its examples. */
  labels: z.array(z.string()).optional(),
  /** How many examples each split had. */
  examples: z.object({ patching: count, validation: count, test: count }),
});

/** One decision of a search; kl and delta in nats. */
const decision = z.object({
  layer: count,
  component: z.string().regex(/^(?:head\.(?:0|[1-9]\d*)|mlp)$/, 'must be "head.N" or "mlp"'),
  kl: number,
  delta: number,
  pruned: z.boolean(),
  /** In which pass; left out in the first. */
  pass: size.optional(),
});

/** Every decision in order. Empty for a circuit that no search found. */
export const traceSchema = z.array(decision);

const metrics = z.object({
  /** Share of examples that are answered right, 0 to 1. */
  accuracy: z.partialRecord(split, pair),
  /** KL(original ‖ circuit) in nats, mean over an example's answer positions and over the split. */
  kl: z.partialRecord(split, number),
  /** Greater-than: probability of later minus earlier years, -1 to 1, mean over the split. */
  yearMass: z.partialRecord(split, pair).optional(),
  parameters: z.object({ original: parameters, circuit: parameters }),
  /** Size of the files that hold the weights. */
  bytes: z.object({ original: count, circuit: count }),
  /**
   * Milliseconds a prompt, where they were measured: medians; and how many times as fast as the original, from runs
   * in pairs, which files of earlier versions lack.
   */
  milliseconds: pair.extend({ speed: speedSchema.optional() }).optional(),
  /** The largest difference between a standalone and a patched logit on the validation set. */
  verified: z.number().nonnegative(),
});

/** What replaces a pruned component. */
export const replacementSchema = z.object({
  ablation: z.enum(["mean", "zero"]),
  /**
   * With zero ablation: whether a pruned head's value bias, b_V·W_O, went with it, or stayed as a constant of its
   * layer (the published code's way). Left out: removed.
   */
  valueBias: z.enum(["removed", "kept"]).optional(),
  /** One mean for each position, or one for all. */
  means: z.enum(["aligned", "pooled"]),
});

/** Fields that both formats have at the top, and mean the same by. */
export const factsShape = {
  /** Version of the program that wrote it. */
  pith: z.string(),
  profile,
  metrics,
  /** In another number format than float32. */
  dtype: dtypeSchema.optional(),
  /** Further number formats in the folder; `metrics` are float32's. */
  formats: z.array(formatSchema).optional(),
  /** Specialised to the words of a task: its graph gives scores of the answers alone. */
  compiled: compiledSchema.optional(),
  /** What was asked for, of a circuit that was searched for as one that holds a target. */
  target: targetSchema.optional(),
  /** How the folder's weights make a model; left out in files of earlier versions, and of compiled circuits. */
  structure: structureSchema.optional(),
  /** The folder's other files as they were written, all but the model card. */
  files: z.array(ownFile).optional(),
  /** SHA-256 of everything above: see `checksumOf`. Circuits of before these two fields have neither. */
  checksum: sha256.optional(),
};
