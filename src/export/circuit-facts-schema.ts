/**
 * Schemas of the parts of circuit.json that both formats share: the source of the circuit, the form in which it
 * is shipped, and what was measured.
 */
import { z } from "zod";
import { compiledSchema } from "./compiled-record.ts";
import { constantsSchema } from "./constants-record.ts";
import { dtypeSchema } from "./dtype-record.ts";
import { formatSchema } from "./format-record.ts";
import { headRankSchema } from "./head-rank-record.ts";
import { sizeCurveSchema } from "./size-curve-record.ts";
import { speedSchema } from "./speed-record.ts";
import { structureSchema } from "./structure-record.ts";
import { targetSchema } from "./target-record.ts";

export const count = z.int().min(0);
export const size = z.int().min(1);
const number = z.number();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits");
const pair = z.object({
  /** The original's. */
  original: number,
  /** The circuit's. */
  circuit: number,
});
const split = z.enum(["patching", "validation", "test"]);
const parameters = z.object({
  /** Weight matrices of attention and MLPs. */
  body: count,
  /** Token and position tables, and the unembedding where it is not the token table. */
  embedding: count,
  /** All vectors: biases, norms, and the constants that pruned components left behind. */
  bias: count,
  /** The three together. */
  total: count,
});
const file = z.object({
  /** The file's name, relative to its folder. */
  name: z.string(),
  /** Its size in bytes. */
  bytes: count,
  /** Its SHA-256: 64 lower-case hexadecimal digits. */
  sha256,
});
/** A name must be that of a file inside the folder. */
const ownFile = file.extend({
  /** The file's name, relative to the circuit's folder. */
  name: z.string().regex(/^(?:onnx\/)?[A-Za-z0-9_][A-Za-z0-9_.-]*$/, "must name a file of the folder"),
});

/** Prompts of `length` tokens only, or any length with a key/value cache. */
const profile = z.discriminatedUnion("kind", [
  z.object({
    /** Prompts of one length only. */
    kind: z.literal("aligned"),
    /** How many tokens a prompt has. */
    length: size,
  }),
  z.object({
    /** Prompts of any length, with a key/value cache. */
    kind: z.literal("decoder"),
    /** How many heads every cache has. Left out: as many as its layer keeps. */
    cacheHeads: size.optional(),
    /**
     * How wide the cached heads are. Left out: the original's heads share its width, and each has keys and values
     * of its own.
     */
    headWidth: size.optional(),
  }),
]);

/** The original. */
export const modelSchema = z.object({
  /** The model's name. */
  name: z.string(),
  /** Its family, "gpt2" say. */
  family: z.string(),
  /** How many layers it has. */
  layers: size,
  /** How many heads each layer has. */
  heads: z.array(count),
  /** How many heads of keys and values each layer has, read by equal groups of heads. Left out: each head has its own. */
  keyValueHeads: z.array(size).optional(),
  /** How many neurons each layer's MLP has. Left out in files of earlier versions. */
  neurons: z.array(size).optional(),
  /** The width of the residual stream. */
  width: size,
  /** How many tokens there are. */
  vocabulary: size,
  /** The longest prompt, in tokens. */
  context: size,
  /** The files that held its weights. */
  files: z.array(file),
  /**
   * Sentences about how the checkpoint was read where that differs from its config.json, and about what was left
   * out.
   */
  notes: z.array(z.string()).optional(),
});

export const taskSchema = z.object({
  /** The task's name. */
  name: z.string(),
  /** SHA-256 of its file; of a built-in task, of the text of its task file without distractors. */
  sha256,
  /** Whether the prompts were drawn from the built-in task of this name; left out: they come from a file. */
  builtin: z.boolean().optional(),
  /** Labels that were given apart from the file, for all its examples. */
  labels: z.array(z.string()).optional(),
  /** How many examples each split had. */
  examples: z.object({
    /** Prompts that means were computed over. */
    patching: count,
    /** Prompts that chose the circuit. */
    validation: count,
    /** Prompts that were used for neither. */
    test: count,
  }),
});

/** The chat that a circuit's prompts are turns of. */
export const chatSchema = z.object({
  /** SHA-256 of the template's text, which tokenizer_config.json holds. */
  template: sha256,
  /** The system turn's text, where all prompts have the same one. */
  system: z.string().optional(),
});

const componentName = z
  .string()
  .regex(/^(?:(?:head|neuron)\.(?:0|[1-9]\d*)|mlp)$/, 'must be "head.N", "mlp" or "neuron.N"');

/** One decision of a search; kl and delta in nats. */
const decision = z.object({
  /** The layer of the component that was tried, counted from 0. */
  layer: count,
  /** The component within its layer: "head.3", "mlp" or "neuron.17". */
  component: componentName,
  /** The other components of the layer that were tried together with it; left out: none. */
  also: z.array(componentName).min(1).readonly().optional(),
  /** KL(original ‖ model with the component replaced), in nats. */
  kl: number,
  /** `kl` less the KL of the model as decided before. */
  delta: number,
  /** Whether it was pruned. */
  pruned: z.boolean(),
  /** Whether `kl` and `delta` are lower bounds, as an early exit gives them for some of those that stay. */
  atLeast: z.literal(true).optional(),
  /** The pass of the decision, from 2 on; left out in the first. */
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
  /** Parameters, counted by what they are. */
  parameters: z.object({
    /** The original's. */
    original: parameters,
    /** The circuit's. */
    circuit: parameters,
  }),
  /** Size of the files that hold the weights. */
  bytes: z.object({
    /** The original's. */
    original: count,
    /** The circuit's. */
    circuit: count,
  }),
  /**
   * Milliseconds a prompt, medians, if they were measured; and the speed relative to the original, from pairs of
   * runs, which files of earlier versions lack.
   */
  milliseconds: pair
    .extend({
      /** How many times as fast as the original the circuit is. */
      speed: speedSchema.optional(),
    })
    .optional(),
  /**
   * "layer by layer" where the original was too large to be loaded as one graph: then its time was not taken. Left out:
   * it was timed as one graph.
   */
  originalRun: z.literal("layer by layer").optional(),
  /** The largest difference between a standalone and a patched logit on the validation set. */
  verified: z.number().nonnegative(),
});

/** What replaces a pruned component. */
export const replacementSchema = z.object({
  /** Its mean output over the patching prompts, or zero. */
  ablation: z.enum(["mean", "zero"]),
  /**
   * With zero ablation: whether a pruned head's value bias, b_V·W_O, was removed with it, or kept as a constant
   * of its layer (as the published code does). Left out: removed.
   */
  valueBias: z.enum(["removed", "kept"]).optional(),
  /** One mean for each position, or one for all. */
  means: z.enum(["aligned", "pooled"]),
  /**
   * Of pooled means: whether the first position has a mean of its own, apart from all others'. Left out: it has not.
   */
  firstPosition: z.enum(["apart", "same"]).optional(),
  /** What that was decided by; left out where it was given. */
  sink: z
    .object({
      /** The layer behind which the first position stands out most. */
      layer: count,
      /** Its median residual norm there, divided by the median of all other positions'. */
      ratio: number.nonnegative(),
    })
    .optional(),
});

/** Top-level fields that both formats have with the same meaning. */
export const factsShape = {
  /** Version of the program that wrote it. */
  pith: z.string(),
  /** Which prompts the circuit takes. */
  profile,
  /** What was measured. */
  metrics,
  /** Present if the weights have another number format than float32. */
  dtype: dtypeSchema.optional(),
  /** Further number formats in the folder; `metrics` are float32's. */
  formats: z.array(formatSchema).optional(),
  /** Present if the circuit was specialised to the words of a task: its graph scores only the answers. */
  compiled: compiledSchema.optional(),
  /** To what rank kept heads were cut, if they were. */
  headRank: headRankSchema.optional(),
  /** Present if the constants that pruned components left were fitted; left out: they are means, or zero. */
  constants: constantsSchema.optional(),
  /** The target, and how well it was met, if the circuit was searched for with one. */
  target: targetSchema.optional(),
  /**
   * Cuts along the ranking that the search ended with, the smallest first, if it ranks all sizes at once. The file's own
   * circuit need not be one of them, as a search may go on from its cut.
   */
  curve: sizeCurveSchema.optional(),
  /**
   * How the folder's weights form a model; left out in files of earlier versions, and of compiled circuits.
   * @internal
   */
  structure: structureSchema.optional(),
  /** Records of the folder's other files as they were written, except the model card. */
  files: z.array(ownFile).optional(),
  /** SHA-256 of everything above: see `checksumOf`. Circuits from before these two fields have neither. */
  checksum: sha256.optional(),
};
