/**
 * A GGUF model, of one file or of several, as a checkpoint: what its config.json would say, and its weights under the
 * original's names. The family's own file then reads both as it reads a folder's.
 */
import { PithError } from "../../errors.ts";
import { quote, shorten } from "../../printable.ts";
import type { ByteSource } from "../byte-source.ts";
import type { CheckpointWeight } from "../shards.ts";
import { type GgufArchitecture, ggufArchitecture, ggufArchitectureNames } from "./architectures.ts";
import { readFacts } from "./facts.ts";
import { type GgufHeader, type GgufMetadata, readGgufHeader } from "./header.ts";
import { type MetadataReader, readMetadata } from "./metadata.ts";
import { modelConfig, type RotaryFactors } from "./model-config.ts";
import { originalWeights } from "./original-weights.ts";
import { storedGgufWeight } from "./stored-weight.ts";

export interface GgufModel {
  /** As config.json would be, in Hugging Face's fields. */
  readonly config: Record<string, unknown>;
  /** As the file has it: the tokenizer is in it. */
  readonly metadata: GgufMetadata;
  /** Under the original's names. To be asked for when the config is known to be possible. */
  originals(): ReadonlyMap<string, CheckpointWeight>;
}

/**
 * @param sources the files in their order; metadata is the first one's.
 * @throws PithError "checkpoint" for files that are damaged, do not belong together, or are of an architecture that
 *   Pith does not read.
 */
export async function readGguf(sources: readonly ByteSource[]): Promise<GgufModel> {
  const headers: GgufHeader[] = [];
  for (const source of sources) headers.push(await readGgufHeader(source));
  const [first] = headers;
  const file = sources[0]?.name ?? "";
  if (first === undefined) throw new RangeError("a model has one file or more");
  const metadata = readMetadata(first.metadata, file);
  checkSplits(sources, headers);
  const weights = uniteTensors(sources, headers);
  const { name, architecture } = architectureOf(metadata, (tensor) => weights.has(tensor));
  const { facts, refuseUnread } = readFacts(metadata, name, weights);
  const config = modelConfig(architecture, facts, metadata, await rotaryFactors(weights));
  refuseUnread();
  return {
    config,
    metadata: first.metadata,
    originals: () => originalWeights(architecture, facts, weights),
  };
}

function checkSplits(sources: readonly ByteSource[], headers: readonly GgufHeader[]): void {
  const readers = headers.map(({ metadata }, at) => readMetadata(metadata, sources[at]?.name ?? ""));
  for (const [at, reader] of readers.entries()) {
    const [count, number] = [reader.count("split.count") ?? 1, reader.count("split.no") ?? 0];
    if (count !== headers.length)
      throw reader.fault("split.count", `says ${count} files; ${headers.length} are here`);
    if (number !== at) throw reader.fault("split.no", `is ${number}; by its name this is file ${at}`);
  }
  const total = readers[0]?.count("split.tensors.count");
  const found = headers.reduce((sum, { tensors }) => sum + tensors.length, 0);
  if (total !== undefined && headers.length > 1 && total !== found)
    throw readers[0]?.fault("split.tensors.count", `says ${total} tensors; the files hold ${found}`);
}

function uniteTensors(
  sources: readonly ByteSource[],
  headers: readonly GgufHeader[],
): ReadonlyMap<string, CheckpointWeight> {
  const weights = new Map<string, CheckpointWeight>();
  for (const [at, source] of sources.entries()) {
    for (const tensor of headers[at]?.tensors ?? []) {
      const other = weights.get(tensor.name)?.file;
      if (other !== undefined)
        throw new PithError("checkpoint", `is in ${shorten(other)} too`, {
          place: { file: source.name, tensor: tensor.name },
        });
      weights.set(tensor.name, storedGgufWeight(source, tensor));
    }
  }
  return weights;
}

function architectureOf(
  metadata: MetadataReader,
  has: (tensor: string) => boolean,
): { readonly name: string; readonly architecture: GgufArchitecture } {
  const key = "general.architecture";
  const kind = metadata.text("general.type") ?? "model";
  if (kind !== "model")
    throw metadata.fault("general.type", `is ${quote(kind)}: the file holds no whole language model`);
  const name = metadata.text(key);
  if (name === undefined) throw metadata.fault(key, "is missing");
  const architecture = ggufArchitecture(name, has);
  if (architecture !== undefined) return { name, architecture };
  throw metadata.fault(
    key,
    `is ${quote(name)}, which Pith does not read as GGUF`,
    `Known: ${ggufArchitectureNames.join(", ")}. The Hugging Face model that it was made from may be of a family that Pith reads.`,
  );
}

/** Small tensors, which are part of the config. */
async function rotaryFactors(weights: ReadonlyMap<string, CheckpointWeight>): Promise<RotaryFactors> {
  const read = async (name: string) => {
    const weight = weights.get(`${name}.weight`) ?? weights.get(`blk.0.${name}.weight`);
    if (weight === undefined) return undefined;
    if (weight.shape.length === 1 && (weight.shape[0] ?? 0) <= mostPairs)
      return Array.from(await weight.read());
    throw new PithError("checkpoint", "is no list of a head's pairs", {
      place: { file: weight.file ?? "", tensor: weight.name },
    });
  };
  const [all, short, long] = [
    await read("rope_freqs"),
    await read("rope_factors_short"),
    await read("rope_factors_long"),
  ];
  return { ...(all && { all }), ...(short && { short }), ...(long && { long }) };
}

const mostPairs = 2 ** 16;
