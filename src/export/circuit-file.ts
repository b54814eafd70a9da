/**
 * circuit.json: what was kept, the whole trace, the options, where it came from and what was measured. People
 * and other programs write such files too, so what is read is checked, and what it says twice must agree.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { circuitOfLists } from "../transformer/circuit.ts";
import { checksumOf, type FileRecord } from "./checksum.ts";
import { checkCompiled, compiledSchema } from "./compiled-record.ts";
import { dtypeSchema } from "./dtype-record.ts";
import { formatSchema, formatsFault } from "./format-record.ts";
import { speedSchema } from "./speed-record.ts";
import { stabilityFault, stabilitySchema } from "./stability-record.ts";
import { structureSchema } from "./structure-record.ts";
import { targetSchema } from "./target-record.ts";

const circuitFormat = "pith.circuit/1";
const circuitFileName = "circuit.json";

const count = z.int().min(0);
const size = z.int().min(1);
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

const schema = z.object({
  format: z.literal(circuitFormat),
  /** Version of the program that wrote it. */
  pith: z.string(),
  /** Prompts of `length` tokens only, or any length with a key/value cache. */
  profile: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("aligned"), length: size }),
    /** `cacheHeads`: how many heads every cache has. Left out: as many as its layer keeps. */
    z.object({ kind: z.literal("decoder"), cacheHeads: size.optional() }),
  ]),
  /** The original. */
  model: z.object({
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
  }),
  task: z.object({
    name: z.string(),
    sha256,
    /** Whether it was drawn from the built-in task of this name, with the seed of `options`; left out: a file. */
    builtin: z.boolean().optional(),
    /** Labels that were given beside the file, for all its examples. */
    labels: z.array(z.string()).optional(),
    /** How many examples each split had. */
    examples: z.object({ patching: count, validation: count, test: count }),
  }),
  options: z.object({
    /** Of a search for a target: where it began, or the least that it tried. */
    alpha: z.number().positive(),
    maxKl: z.number().nonnegative().optional(),
    /** How many passes there were at most; left out: one. */
    passes: size.optional(),
    ablation: z.enum(["mean", "zero"]),
    /**
     * With zero ablation: whether a pruned head's value bias, b_V·W_O, went with it, or stayed as a constant of its
     * layer (the published code's way). Left out, as in files of earlier versions: removed.
     */
    valueBias: z.enum(["removed", "kept"]).optional(),
    /** Whether MLPs were tried. */
    mlps: z.boolean(),
    means: z.enum(["aligned", "pooled"]),
    order: z.enum(["published", "downstream"]),
    seed: count,
    bos: z.boolean(),
  }),
  /** Kept, ascending: [layer, head]. */
  heads: z.array(z.tuple([count, count])),
  /** Layers whose MLP is kept, ascending. */
  mlps: z.array(count),
  /** Every decision in order; kl and delta in nats. Empty for a circuit that no search found. */
  trace: z.array(
    z.object({
      layer: count,
      component: z.string().regex(/^(?:head\.(?:0|[1-9]\d*)|mlp)$/, 'must be "head.N" or "mlp"'),
      kl: number,
      delta: number,
      pruned: z.boolean(),
      /** In which pass; left out in the first. */
      pass: size.optional(),
    }),
  ),
  metrics: z.object({
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
  }),
  /** In another number format than float32. */
  dtype: dtypeSchema.optional(),
  /** Further number formats in the folder; `metrics` are float32's. */
  formats: z.array(formatSchema).optional(),
  /** Specialised to the words of a task: its graph gives scores of the answers alone. */
  compiled: compiledSchema.optional(),
  /** What searches on resampled prompts found, if there were any. */
  stability: stabilitySchema.optional(),
  /** What was asked for, of a circuit that was searched for as the smallest that holds a target. */
  target: targetSchema.optional(),
  /** How the folder's weights make a model; left out in files of earlier versions, and of compiled circuits. */
  structure: structureSchema.optional(),
  /** The folder's other files as they were written, all but the model card. */
  files: z.array(ownFile).optional(),
  /** SHA-256 of everything above: see {@link checksumOf}. Circuits of before these two fields have neither. */
  checksum: sha256.optional(),
});

/** Fields that are not known here are ignored. */
export type CircuitFile = z.infer<typeof schema>;

/**
 * @param value what `JSON.parse` gave; @param file for errors.
 * @throws PithError "circuit" that names the field.
 */
export function parseCircuitFile(value: unknown, file: string = circuitFileName): CircuitFile {
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw circuitError(file, fieldName(issue?.path ?? []), issue?.message ?? "is malformed");
  }
  checkKept(result.data, file);
  checkTrace(result.data, file);
  checkStability(result.data, file);
  const fault = formatsFault(result.data.dtype, result.data.formats);
  if (fault !== undefined) throw circuitError(file, "formats", fault);
  const { compiled, profile } = result.data;
  if (compiled !== undefined) checkCompiled(compiled, "length" in profile ? profile.length : undefined, file);
  checkSeal(result.data, value as Record<string, unknown>, file);
  return result.data;
}

/** The same with its folder's files, and the checksum of it all, which both come last. */
export function sealCircuitFile(circuit: CircuitFile, files: readonly FileRecord[]): CircuitFile {
  const { files: _, checksum: __, ...facts } = circuit;
  const named = { ...facts, files: files.map((each) => ({ ...each })) };
  return { ...named, checksum: checksumOf(named) };
}

/** The text of circuit.json: one decision, and one kept head, a line, so that `diff` compares circuits. */
export function formatCircuitFile(circuit: CircuitFile): string {
  return `${format(circuit, "")}\n`;
}

function format(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (!value.some(isContainer)) return JSON.stringify(value);
    const lines = value.map((item) => `${inner}${JSON.stringify(item)}`);
    return `[\n${lines.join(",\n")}\n${indent}]`;
  }
  if (!isContainer(value)) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `${inner}${JSON.stringify(name)}: ${format(member, inner)}`);
  return `{\n${members.join(",\n")}\n${indent}}`;
}

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null;

function checkKept({ profile, model, heads, mlps }: CircuitFile, file: string): void {
  if (model.heads.length !== model.layers) {
    throw circuitError(file, "model.heads", `has ${model.heads.length} entries for ${model.layers} layers`);
  }
  for (const [index, [layer, head]] of heads.entries()) {
    const field = `heads[${index}]`;
    if (head >= (model.heads[layer] ?? 0)) {
      throw circuitError(file, field, `the model has no head ${head} in layer ${layer}`);
    }
    const before = heads[index - 1];
    if (before !== undefined && (before[0] > layer || (before[0] === layer && before[1] >= head))) {
      throw circuitError(file, field, "must come after the one before it: heads are listed once, ascending");
    }
  }
  if (profile.kind === "decoder" && profile.cacheHeads !== undefined) {
    const most = Math.max(...model.heads.map((_, layer) => heads.filter(([at]) => at === layer).length));
    if (profile.cacheHeads < most) {
      throw circuitError(
        file,
        "profile.cacheHeads",
        `is ${profile.cacheHeads}, but a layer keeps ${most} heads`,
      );
    }
  }
  for (const [index, layer] of mlps.entries()) {
    const field = `mlps[${index}]`;
    if (layer >= model.layers) throw circuitError(file, field, `the model has no layer ${layer}`);
    if ((mlps[index - 1] ?? -1) >= layer) {
      throw circuitError(file, field, "must be above the one before it: layers are listed once, ascending");
    }
  }
}

/** What the trace prunes must be what is not kept; of several passes a component's last decision counts. */
function checkTrace({ model, heads, mlps, trace }: CircuitFile, file: string): void {
  const kept = new Set([
    ...heads.map(([layer, head]) => `${layer}.head.${head}`),
    ...mlps.map((l) => `${l}.mlp`),
  ]);
  const seen = new Set<string>();
  const last = new Map(trace.map(({ layer, component }, index) => [`${layer}.${component}`, index]));
  for (const [index, { layer, component, pruned, pass = 1 }] of trace.entries()) {
    const field = `trace[${index}]`;
    const head = component === "mlp" ? undefined : Number(component.slice("head.".length));
    if (layer >= model.layers || (head !== undefined && head >= (model.heads[layer] ?? 0))) {
      throw circuitError(file, field, `the model has no ${component} in layer ${layer}`);
    }
    const name = `${layer}.${component}`;
    if (seen.has(`${pass} ${name}`))
      throw circuitError(file, field, `decides on ${component} of layer ${layer} twice`);
    seen.add(`${pass} ${name}`);
    if (last.get(name) === index && kept.has(name) === pruned) {
      const [here, there] = pruned ? ["prunes", "is kept"] : ["keeps", "is not kept"];
      throw circuitError(file, field, `${here} ${component} of layer ${layer}, which ${there} by the lists`);
    }
  }
}

function checkStability({ stability, model, options, heads, mlps, trace }: CircuitFile, file: string): void {
  if (stability === undefined) return;
  const shape = { heads: model.heads, mlps: options.mlps };
  const fault = stabilityFault(stability, shape, circuitOfLists({ heads, mlps }), trace.length);
  if (fault !== undefined) throw circuitError(file, `stability.${fault.field}`, fault.message);
}

/** One of the two fields without the other is a field whose name was damaged. */
function checkSeal({ files, checksum }: CircuitFile, value: Record<string, unknown>, file: string): void {
  if (files === undefined && checksum === undefined) return;
  if (files === undefined || checksum === undefined || checksum !== checksumOf(value)) {
    const field = files === undefined ? "files" : "checksum";
    throw circuitError(
      file,
      field,
      "does not fit the rest of this file, which was changed after it was written",
      "Copy the folder again, or make the circuit anew.",
    );
  }
  const names = files.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw circuitError(file, "files", `lists ${twice} twice`);
}

/** ["trace", 3, "kl"] → "trace[3].kl". */
function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${String(key)}`))
    .join("");
}

function circuitError(file: string, field: string, message: string, advice = ""): PithError {
  return new PithError("circuit", message, { place: { file, ...(field !== "" && { field }) }, advice });
}
