/**
 * Reads what stands before a GGUF file's data: the metadata, and where each tensor lies. Nothing that the file claims is
 * taken on trust: a count is compared with the bytes that are left before anything is made for it.
 *
 * The format (ggml's docs/gguf.md, version 3; version 2 is laid out in the same way):
 * - "GGUF", the version (uint32), the number of tensors and of metadata entries (uint64), all little-endian.
 * - Each entry: its key, the type of its value (uint32), the value. Text is its length in bytes (uint64) and UTF-8. A
 *   list is the type of its items, their number (uint64), the items.
 * - Each tensor: its name, the number of dimensions (uint32), the dimensions (uint64, the fastest first), the number of
 *   its format (uint32), the offset of its data (uint64) from the end of the header, rounded up to the alignment.
 * - Data of tensors follows in their order, each rounded up to the alignment: `general.alignment`, 32 if it isn't there.
 */
import { PithError } from "../../errors.ts";
import { quote } from "../../printable.ts";
import type { ByteSource } from "../byte-source.ts";
import { type BlockFormat, blockFormat, blockFormatName, blockFormatNames } from "./block-formats.ts";
import { createReader, type HeaderReader } from "./header-reader.ts";

/** A value of a GGUF file's metadata. */
export type GgufValue = number | boolean | string | readonly string[] | GgufNumbers;
/** A list of numbers, in an array of their own width; numbers of 64 bits and truth values are stored as doubles and bytes. */
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** The metadata of a GGUF file: a value for each key, such as "llama.block_count". */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** Where a tensor lies. */
export interface GgufTensor {
  readonly name: string;
  /** The slowest dimension first, as in safetensors. */
  readonly shape: readonly number[];
  readonly format: BlockFormat;
  /** First byte of the data, from the start of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

export interface GgufHeader {
  readonly metadata: GgufMetadata;
  /** In the order of their data. */
  readonly tensors: readonly GgufTensor[];
}

const magic = "GGUF";
/** Key, type, value of one byte. */
const leastEntryBytes = 8 + 4 + 1;
/** Name, dimensions, format, offset. */
const leastTensorBytes = 8 + 4 + 4 + 8;
/** ggml's own limit. */
const mostDimensions = 4;
const largestAlignment = 2 ** 20;

/** @throws PithError "checkpoint" that names the file, and the key or the tensor, for whatever is untrue. */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const reader = createReader(source);
  await checkStart(source, reader);
  const tensorCount = await reader.count("tensors", leastTensorBytes);
  const entryCount = await reader.count("metadata entries", leastEntryBytes);
  const metadata = new Map<string, GgufValue>();
  for (let entry = 0; entry < entryCount; entry++) {
    const key = await reader.text("a key");
    if (metadata.has(key)) throw headerError(source, `has the key ${quote(key)} twice`);
    metadata.set(key, await readValue(reader, key));
  }
  const alignment = alignmentOf(source, metadata);
  const claims = [];
  for (let tensor = 0; tensor < tensorCount; tensor++) claims.push(await readTensorClaim(reader));
  const dataStart = Math.ceil(reader.position() / alignment) * alignment;
  return { metadata, tensors: placeTensors(source, claims, dataStart, alignment) };
}

function headerError(source: ByteSource, message: string, advice = ""): PithError {
  return new PithError("checkpoint", message, { place: { file: source.name }, advice });
}

async function checkStart(source: ByteSource, reader: HeaderReader): Promise<void> {
  if (source.size < 24) {
    const advice = "The download was probably cut off: fetch the file again.";
    throw headerError(source, `${source.size} bytes are too few for a GGUF file`, advice);
  }
  const start = await reader.bytes(4, "the start");
  const found = new TextDecoder().decode(start);
  if (found === "vers") {
    const advice = "Run `git lfs pull` in its folder.";
    throw headerError(source, "is a Git LFS pointer, not the weights themselves", advice);
  }
  if (found !== magic)
    throw headerError(source, `begins with ${quote(found)}, not with "GGUF"`, "It is not a GGUF file.");
  const version = await reader.uint32("the version");
  if (version === 2 || version === 3) return;
  const bigEndian = version % 2 ** 24 === 0;
  const fault = bigEndian ? "is big-endian" : `is of version ${version} of the format`;
  throw headerError(source, fault, "Pith reads versions 2 and 3, little-endian: convert the model again.");
}

async function readValue(reader: HeaderReader, key: string): Promise<GgufValue> {
  const type = await reader.uint32(`the type of ${quote(key)}`);
  return type === listType ? readList(reader, key) : readSingle(reader, type, key);
}

const listType = 9;
const textType = 8;

async function readSingle(reader: HeaderReader, type: number, key: string): Promise<GgufValue> {
  const what = `the value of ${quote(key)}`;
  if (type === textType) return reader.text(what);
  const kind = numberKinds.get(type);
  if (kind === undefined) throw reader.fault(`${what} is of type ${type}, which the format does not have`);
  const bytes = await reader.bytes(kind.bytes, what);
  const [value = 0] = kind.read(bytes);
  if (kind.name === "bool") return value !== 0;
  return kind.name === "float32" ? shortestFloat32(value) : value;
}

async function readList(reader: HeaderReader, key: string): Promise<GgufValue> {
  const what = `the list ${quote(key)}`;
  const type = await reader.uint32(`the type of ${what}`);
  if (type === textType) {
    const count = await reader.count(`texts in ${what}`, 8);
    const texts: string[] = [];
    for (let item = 0; item < count; item++) texts.push(await reader.text(what));
    return texts;
  }
  const kind = numberKinds.get(type);
  if (kind === undefined) throw reader.fault(`${what} has items of type ${type}, which Pith does not read`);
  const count = await reader.count(`numbers in ${what}`, kind.bytes);
  return kind.read(await reader.bytes(count * kind.bytes, what));
}

interface NumberKind {
  readonly name: string;
  readonly bytes: number;
  readonly read: (bytes: Uint8Array<ArrayBuffer>) => GgufNumbers;
}

/** By the format's number of the type. Bytes are in memory of their own, and so are aligned. */
const numberKinds: ReadonlyMap<number, NumberKind> = new Map([
  [0, { name: "uint8", bytes: 1, read: ({ buffer }) => new Uint8Array(buffer) }],
  [1, { name: "int8", bytes: 1, read: ({ buffer }) => new Int8Array(buffer) }],
  [2, { name: "uint16", bytes: 2, read: ({ buffer }) => new Uint16Array(buffer) }],
  [3, { name: "int16", bytes: 2, read: ({ buffer }) => new Int16Array(buffer) }],
  [4, { name: "uint32", bytes: 4, read: ({ buffer }) => new Uint32Array(buffer) }],
  [5, { name: "int32", bytes: 4, read: ({ buffer }) => new Int32Array(buffer) }],
  [6, { name: "float32", bytes: 4, read: ({ buffer }) => new Float32Array(buffer) }],
  [7, { name: "bool", bytes: 1, read: ({ buffer }) => new Uint8Array(buffer) }],
  [
    10,
    { name: "uint64", bytes: 8, read: ({ buffer }) => Float64Array.from(new BigUint64Array(buffer), Number) },
  ],
  [
    11,
    { name: "int64", bytes: 8, read: ({ buffer }) => Float64Array.from(new BigInt64Array(buffer), Number) },
  ],
  [12, { name: "float64", bytes: 8, read: ({ buffer }) => new Float64Array(buffer) }],
]);

/** The shortest decimal that is this float32: 1e-5, and not 0.000009999999747378752. */
function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function alignmentOf(source: ByteSource, metadata: GgufMetadata): number {
  const alignment = metadata.get("general.alignment") ?? 32;
  const valid = typeof alignment === "number" && Number.isInteger(Math.log2(alignment));
  if (valid && alignment >= 1 && alignment <= largestAlignment) return alignment;
  throw new PithError("checkpoint", "is not a power of two, or too large to be true", {
    place: { file: source.name, field: "general.alignment" },
  });
}

/** What the header says of a tensor, before it is held against the file. */
interface TensorClaim {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly offset: number;
}

async function readTensorClaim(reader: HeaderReader): Promise<TensorClaim> {
  const name = await reader.text("a tensor's name");
  const what = `tensor ${quote(name)}`;
  const dimensions = await reader.uint32(`the dimensions of ${what}`);
  if (dimensions > mostDimensions)
    throw reader.fault(`${what} has ${dimensions} dimensions; the format allows ${mostDimensions}`);
  const shape: number[] = [];
  for (let axis = 0; axis < dimensions; axis++) shape.unshift(await reader.uint64(`a dimension of ${what}`));
  const type = await reader.uint32(`the format of ${what}`);
  return { name, shape, type, offset: await reader.uint64(`the offset of ${what}`) };
}

/** Holds the tensors against each other and the file: in order, aligned, without overlap, inside. */
function placeTensors(
  source: ByteSource,
  claims: readonly TensorClaim[],
  dataStart: number,
  alignment: number,
): readonly GgufTensor[] {
  const names = new Set<string>();
  let position = dataStart;
  const tensors = claims.map(({ name, shape, type, offset }) => {
    const fail = (message: string, advice = "") =>
      new PithError("checkpoint", message, { place: { file: source.name, tensor: name }, advice });
    if (names.has(name)) throw fail("is listed twice");
    names.add(name);
    const format = blockFormat(type);
    if (format === undefined)
      throw fail(
        `is stored as ${blockFormatName(type)}, which Pith does not read`,
        `Take the model in one of ${blockFormatNames.join(", ")}.`,
      );
    const row = shape.at(-1) ?? 1;
    if (row % format.values !== 0)
      throw fail(`has rows of ${row} values, which are no whole blocks of ${format.values} (${format.name})`);
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes = (count / format.values) * format.bytes;
    if (!Number.isSafeInteger(count) || !Number.isSafeInteger(bytes))
      throw fail("has dimensions too large to be true");
    const begin = dataStart + offset;
    if (begin !== position)
      throw fail(
        `begins at byte ${offset} of the data, not at ${position - dataStart}, where the one before it ends`,
      );
    const end = begin + bytes;
    if (end > source.size)
      throw fail(
        `reaches to byte ${end}, but the file holds ${source.size}`,
        "The file is cut off or damaged: fetch it again.",
      );
    position = Math.ceil(end / alignment) * alignment;
    return { name, shape, format, begin, end };
  });
  if (tensors.length > 0 && position < source.size)
    throw headerError(source, `the last ${source.size - position} bytes belong to no tensor`);
  return tensors;
}
