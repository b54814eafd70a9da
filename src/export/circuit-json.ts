/**
 * Converts circuit.json between its text and a {@link CircuitFile}. People and other programs write such files
 * too, so a file is checked when it is read, and facts that it states twice must agree. Both formats are read;
 * only the newer one is written.
 */
import type { z } from "zod";
import { recordsOf } from "../discovery/searches/decision.ts";
import { findSearch } from "../discovery/searches/index.ts";
import { PithError } from "../errors.ts";
import { type Circuit, keeps, keptHeads, keptLayers } from "../transformer/circuit.ts";
import { modelHas, nameOfRecord, parseRecord } from "../transformer/component.ts";
import { checksumOf, type FileRecord } from "./checksum.ts";
import { type CircuitFile, circuitFileName, type Fail } from "./circuit-file.ts";
import { format1, readFormat1, schema1 } from "./circuit-format-1.ts";
import { format2, readFormat2, schema2, writeFormat2 } from "./circuit-format-2.ts";
import { checkCompiled } from "./compiled-record.ts";
import { shapeOfFile } from "./file-circuit.ts";
import { formatsFault } from "./format-record.ts";
import { stabilityFault } from "./stability-record.ts";

/**
 * Even a model of a trillion parameters has fewer components; without this limit, a false number could exhaust
 * memory.
 */
const mostComponents = 2 ** 24;

/**
 * @param value what `JSON.parse` gave; @param file for errors.
 * @throws PithError "circuit" that names the field.
 */
export function parseCircuitFile(value: unknown, file: string = circuitFileName): CircuitFile {
  const fail: Fail = (field, message) => circuitError(file, field, message);
  const format = formatOf(value);
  const isFirst = format === format1;
  if (!isFirst && format !== format2) throw fail("format", `must be "${format2}" or "${format1}"`);
  const circuit = isFirst ? read(schema1, readFormat1, value, fail) : read(schema2, readFormat2, value, fail);
  checkCaches(circuit, fail);
  checkHeadRank(circuit, fail);
  checkReplacement(circuit, isFirst ? "options" : "replacement", fail);
  checkTrace(circuit, isFirst ? "trace" : "search.trace", fail);
  checkStability(circuit, fail);
  const fault = formatsFault(circuit.dtype, circuit.formats);
  if (fault !== undefined) throw fail("formats", fault);
  const { compiled, profile } = circuit;
  if (compiled !== undefined) checkCompiled(compiled, "length" in profile ? profile.length : undefined, file);
  checkSeal(circuit, value as Record<string, unknown>, file);
  return { ...circuit, search: isFirst ? circuit.search : checkedSearch(circuit.search, fail) };
}

/** Whether a value is marked as a circuit.json of the current format. */
export function isCircuitJson(value: unknown): boolean {
  return formatOf(value) === format2;
}

/** The members of circuit.json in their order. */
export function circuitJson(circuit: CircuitFile): Readonly<Record<string, unknown>> {
  return { ...writeFormat2(circuit) };
}

/**
 * The members of circuit.json, with the records of its folder's files and the checksum of everything as the last
 * ones.
 */
export function sealCircuitFile(circuit: CircuitFile, files: readonly FileRecord[]): CircuitFile {
  const { files: _, checksum: __, ...facts } = circuit;
  const named = { ...facts, files: files.map((each) => ({ ...each })) };
  return { ...named, checksum: checksumOf(circuitJson(named)) };
}

/**
 * The text of circuit.json: each decision, and each layer's kept components, take one line, so that `diff`
 * compares circuits.
 */
export function formatCircuitFile(circuit: CircuitFile): string {
  return `${format(circuitJson(circuit), "")}\n`;
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

function formatOf(value: unknown): unknown {
  return isContainer(value) && "format" in value ? value.format : undefined;
}

type ModelHeads = Pick<CircuitFile["model"], "heads" | "keyValueHeads" | "layers" | "neurons">;

function read<Format extends { readonly model: ModelHeads }>(
  schema: z.ZodType<Format>,
  toMemory: (file: Format, fail: Fail) => CircuitFile,
  value: unknown,
  fail: Fail,
): CircuitFile {
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw fail(fieldName(issue?.path ?? []), issue?.message ?? "is malformed");
  }
  const { heads, neurons = [], layers } = result.data.model;
  if (heads.length !== layers) throw fail("model.heads", `has ${heads.length} entries for ${layers} layers`);
  if (heads.reduce((sum, each) => sum + each, 0) > mostComponents) {
    throw fail("model.heads", "says more heads than any model has");
  }
  if (result.data.model.neurons !== undefined && neurons.length !== layers)
    throw fail("model.neurons", `has ${neurons.length} entries for ${layers} layers`);
  if (neurons.reduce((sum, each) => sum + each, 0) > mostComponents)
    throw fail("model.neurons", "says more neurons than any model has");
  checkGroups(result.data.model, fail);
  return toMemory(result.data, fail);
}

function checkGroups({ heads, keyValueHeads, layers }: ModelHeads, fail: Fail): void {
  if (keyValueHeads === undefined) return;
  if (keyValueHeads.length !== layers)
    throw fail("model.keyValueHeads", `has ${keyValueHeads.length} entries for ${layers} layers`);
  const odd = keyValueHeads.findIndex((groups, layer) => (heads[layer] ?? 0) % groups !== 0);
  if (odd >= 0)
    throw fail(
      `model.keyValueHeads[${odd}]`,
      `is ${keyValueHeads[odd]}: ${heads[odd]} heads are not so many equal groups`,
    );
}

/** How many key/value heads a layer of the circuit has. */
function keptKeyValueHeads({ heads, keyValueHeads }: ModelHeads, kept: Circuit, layer: number): number {
  const all = heads[layer] ?? 0;
  const each = all / (keyValueHeads?.[layer] ?? all);
  return new Set(keptHeads(kept, layer).map((head) => Math.floor(head / each))).size;
}

function checkCaches({ profile, model, kept }: CircuitFile, fail: Fail): void {
  if (profile.kind !== "decoder" || profile.cacheHeads === undefined) return;
  const most = Math.max(...model.heads.map((_, layer) => keptKeyValueHeads(model, kept, layer)));
  if (profile.cacheHeads < most) {
    throw fail("profile.cacheHeads", `is ${profile.cacheHeads}, but a layer keeps ${most} heads`);
  }
}

/** The layers are those that keep heads, and their values are as wide as the model's. */
function checkHeadRank({ headRank, kept, structure }: CircuitFile, fail: Fail): void {
  if (headRank === undefined) return;
  const layers = keptLayers(kept).filter((layer) => keptHeads(kept, layer).length > 0);
  if (headRank.layers.map(({ layer }) => layer).join() !== layers.join())
    throw fail("headRank.layers", `must be the layers that keep heads: ${layers.join(", ") || "none"}`);
  for (const [index, { layer, rank, of }] of headRank.layers.entries()) {
    const field = `headRank.layers[${index}].rank`;
    if (rank > of) throw fail(field, `is ${rank}, above the ${of} of the original's heads`);
    const attention = structure?.blocks[layer]?.attention;
    if (attention === undefined) continue;
    const { headWidth, valueWidth = headWidth } = attention;
    if (valueWidth !== rank) throw fail(field, `is ${rank}, but values are ${valueWidth} wide by structure`);
  }
}

/** Only pooled means can treat the first position apart, and constants are fitted to means. */
function checkReplacement({ replacement, constants }: CircuitFile, place: string, fail: Fail): void {
  const { ablation, means, firstPosition, sink } = replacement;
  if (constants !== undefined && ablation === "zero")
    throw fail("constants", "are fitted beside means, but this is zero ablation");
  if (firstPosition !== undefined && (ablation !== "mean" || means !== "pooled"))
    throw fail(
      `${place}.firstPosition`,
      `is for pooled means, but these are ${means}, with ${ablation} ablation`,
    );
  if (sink !== undefined && firstPosition === undefined)
    throw fail(`${place}.sink`, "decides how the first position is treated, which is not said");
}

/**
 * The components that the trace prunes must be the ones that are not kept; with several passes, a component's
 * last decision counts. An MLP of which some neurons are kept is kept.
 */
function checkTrace(circuit: CircuitFile, place: string, fail: Fail): void {
  const { kept } = circuit;
  const { trace } = circuit.search;
  const shape = shapeOfFile(circuit);
  const seen = new Set<string>();
  const single = trace.flatMap((decision, index) =>
    recordsOf(decision).map((record) => ({ ...record, index, pruned: decision.pruned, pass: decision.pass })),
  );
  const last = new Map(single.map((record) => [nameOfRecord(record), record.index]));
  for (const record of single) {
    const { layer, component, pruned, pass = 1, index } = record;
    const field = `${place}[${index}]`;
    const name = nameOfRecord(record);
    const own = parseRecord(record);
    if (own === undefined || !modelHas(shape, own))
      throw fail(field, `the model has no ${component} in layer ${layer}`);
    if (seen.has(`${pass} ${name}`)) throw fail(field, `decides on ${component} of layer ${layer} twice`);
    seen.add(`${pass} ${name}`);
    if (last.get(name) === index && keeps(kept, own) === pruned) {
      const [here, there] = pruned ? ["prunes", "is kept"] : ["keeps", "is not kept"];
      throw fail(field, `${here} ${component} of layer ${layer}, which ${there} by the lists`);
    }
  }
}

function checkStability({ stability, model, onTrial, kept, search }: CircuitFile, fail: Fail): void {
  if (stability === undefined) return;
  const shape = { heads: model.heads, mlps: onTrial.includes("mlp") };
  const fault = stabilityFault(stability, shape, kept, search.trace.length);
  if (fault !== undefined) throw fail(`stability.${fault.field}`, fault.message);
}

/** An unknown search may have any options; its circuit can still be used. */
function checkedSearch({ name, options, trace }: CircuitFile["search"], fail: Fail): CircuitFile["search"] {
  const known = findSearch(name);
  if (known === undefined) return { name, options, trace };
  const fault = known.faultIn(options);
  if (fault !== undefined) throw fail(["search.options", ...fault.path].join("."), fault.message);
  return { name, options: known.use(options).options, trace };
}

/** If only one of the two fields is there, the name of the other one was damaged. */
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
