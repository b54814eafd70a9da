/**
 * Reads safetensors files lazily: the header when a file is opened, a tensor when it is needed, in chunks.
 *
 * The format (huggingface/safetensors, README "Format", and its reference reader) has these rules, which are
 * checked here:
 * - "8 bytes: N, an unsigned little-endian 64-bit integer, containing the size of the header"; at most 100 MB.
 * - "N bytes: a JSON UTF-8 string representing the header. The header data MUST begin with a { character (0x7B).
 *   The header data MAY be trailing padded with whitespace (0x20)."
 * - "The header is a dict like {"TENSOR_NAME": {"dtype": "F16", "shape": [1, 16, 256], "data_offsets": [BEGIN,
 *   END]}, …}, data_offsets point to the tensor data relative to the beginning of the byte buffer, with BEGIN as
 *   the starting offset and END as the one-past offset".
 * - "A special key __metadata__ is allowed to contain free form string-to-string map. Arbitrary JSON is not
 *   allowed, all values must be strings."
 * - "Duplicate keys are disallowed." "Empty tensors (tensors with 1 dimension being 0) are allowed." "0-rank
 *   Tensors (tensors with shape []) are allowed, they are merely a scalar."
 * - "The byte buffer needs to be entirely indexed, and cannot contain holes." Nor may tensors overlap.
 * - "Endianness: Little-endian." "Order: 'C' or row-major." END − BEGIN is the size of shape × dtype.
 */
import { type ErrorPlace, PithError } from "../errors.ts";
import { describeValue, isRecord, ownProperty, parseJsonObject } from "../files/json.ts";
import { jsonBounds } from "../files/json-bounds.ts";
import { shorten } from "../printable.ts";
import { elementCount } from "../transformer/weight.ts";
import type { ByteSource } from "./byte-source.ts";
import {
  elementBits,
  isWeightDtype,
  WEIGHT_DTYPES,
  type WeightDtype,
  weightElementBytes,
  widenInto,
} from "./dtype.ts";
import { allocateValues, requireFiniteWeights } from "./finite-values.ts";

export const LENGTH_BYTES = 8;
export const LARGEST_HEADER = 100_000_000;
const OPENING_BRACE = 0x7b;
/** In bytes. */
const HEADER_PIECE = 2 ** 20;
/** A multiple of every element size. */
const CHUNK_BYTES = 8 * 2 ** 20;
/** Elements of a part of a tensor: 8 MiB of float32. */
const PART_ELEMENTS = 2 ** 21;

export interface SafetensorsEntry {
  readonly name: string;
  /** As in the file: "F16", "I64", … Not every dtype can be read as a weight. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte of the data, from the start of the file (the header's own offsets count from the data's). */
  readonly begin: number;
  /** One past the last byte, from the start of the file. */
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. They fill the file from `dataStart` to its end. */
  readonly tensors: readonly SafetensorsEntry[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the data starts, from the start of the file, in bytes. */
  readonly dataStart: number;
}

/**
 * Reads the header, and no data. @throws PithError "checkpoint", naming file and tensor, for anything that is
 * wrong.
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const dataStart = LENGTH_BYTES + (await readHeaderLength(source));
  const place = { file: source.name };
  const bytes = await readHeaderBytes(source, dataStart - LENGTH_BYTES);
  if (bytes[0] !== OPENING_BRACE) {
    throw new PithError("checkpoint", 'the header does not begin with "{"', { place });
  }
  const header = parseJsonObject(bytes, "checkpoint", place, "the header");
  const metadata = readMetadata(source.name, ownProperty(header, "__metadata__"));
  const tensors = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, info]) => readEntry(source, dataStart, name, info))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(source, dataStart, tensors);
  return { tensors, metadata, dataStart };
}

/**
 * Reads one tensor, row-major, widened to float32. It holds only the tensor and, unless the bytes can be read into it, one
 * chunk of its bytes.
 * @throws PithError "checkpoint" when its dtype is not F32, F16 or BF16.
 */
export async function readTensor(
  source: ByteSource,
  entry: SafetensorsEntry,
): Promise<Float32Array<ArrayBuffer>> {
  const dtype = weightDtype(source, entry);
  const { begin, end } = entry;
  const size = weightElementBytes(dtype);
  const values = allocateValues(elementCount(entry.shape), placeOf(source, entry));
  // float32 is stored as it is handed over.
  if (dtype === "F32" && source.readInto !== undefined) {
    await source.readInto(begin, new Uint8Array(values.buffer));
    return values;
  }
  for (let at = begin; at < end; at += CHUNK_BYTES) {
    const bytes = await source.read(at, Math.min(CHUNK_BYTES, end - at));
    widenInto(dtype, bytes, values, (at - begin) / size);
  }
  return values;
}

/**
 * The same for a weight. @throws PithError "checkpoint" also for NaN and infinities, which a weight may not have.
 */
export async function readWeight(
  source: ByteSource,
  entry: SafetensorsEntry,
): Promise<Float32Array<ArrayBuffer>> {
  const values = await readTensor(source, entry);
  requireFiniteWeights(values, placeOf(source, entry), 0);
  return values;
}

/**
 * The same of some consecutive rows, from `start` to before `end` of the first dimension; nothing else is read.
 * @throws RangeError for rows that the tensor does not have.
 */
export async function readWeightRows(
  source: ByteSource,
  entry: SafetensorsEntry,
  start: number,
  end: number,
): Promise<Float32Array<ArrayBuffer>> {
  const [rows = 1, ...rest] = entry.shape;
  const valid = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= rows;
  if (!valid) throw new RangeError(`${entry.name} has no rows [${start}, ${end})`);
  const each = elementCount(rest);
  const size = weightElementBytes(weightDtype(source, entry)) * each;
  const begin = entry.begin + start * size;
  const part = { ...entry, shape: [end - start, ...rest], begin, end: begin + (end - start) * size };
  const values = await readTensor(source, part);
  requireFiniteWeights(values, placeOf(source, entry), start * each);
  return values;
}

/**
 * The same in parts, for callers that need only one at a time; parts have one size for every dtype.
 * @throws PithError "checkpoint" as `readWeight` does.
 */
export async function* readWeightParts(
  source: ByteSource,
  entry: SafetensorsEntry,
): AsyncGenerator<Float32Array<ArrayBuffer>, void> {
  const dtype = weightDtype(source, entry);
  const size = weightElementBytes(dtype);
  const count = elementCount(entry.shape);
  for (let at = 0; at < count; at += PART_ELEMENTS) {
    const values = new Float32Array(Math.min(PART_ELEMENTS, count - at));
    const bytes = await source.read(entry.begin + size * at, size * values.length);
    widenInto(dtype, bytes, values, 0);
    requireFiniteWeights(values, placeOf(source, entry), at);
    yield values;
  }
}

function weightDtype(source: ByteSource, { name, dtype }: SafetensorsEntry): WeightDtype {
  if (isWeightDtype(dtype)) return dtype;
  throw tensorError(source.name, name, `${dtype} can't be read as a weight`, weightDtypeAdvice);
}

function placeOf(source: ByteSource, { name }: SafetensorsEntry): ErrorPlace {
  return { file: source.name, tensor: name };
}

export const weightDtypeAdvice = `Pith reads ${WEIGHT_DTYPES.join(", ")}: convert the checkpoint to one of them.`;

/** Read in pieces: if a header is nested too deeply, only its beginning is read. */
async function readHeaderBytes(source: ByteSource, length: number): Promise<Uint8Array> {
  const bounds = jsonBounds();
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += HEADER_PIECE) {
    const piece = await source.read(LENGTH_BYTES + at, Math.min(HEADER_PIECE, length - at));
    const fault = bounds.add(piece);
    if (fault !== undefined)
      throw new PithError("checkpoint", `the header ${fault}`, { place: { file: source.name } });
    bytes.set(piece, at);
  }
  return bytes;
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  const place = { file: source.name };
  if (source.size < LENGTH_BYTES) {
    throw new PithError("checkpoint", `${source.size} bytes are too few for a safetensors file`, {
      place,
      advice: "The download was probably cut off: fetch the file again.",
    });
  }
  const bytes = await source.read(0, LENGTH_BYTES);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(LARGEST_HEADER) || Number(length) > source.size - LENGTH_BYTES) {
    // The file that `git clone` leaves without Git LFS: a text of three lines.
    if (new TextDecoder().decode(bytes) === "version ") {
      throw new PithError("checkpoint", "is a Git LFS pointer, not the weights themselves", {
        place,
        advice: "Run `git lfs pull` in its folder.",
      });
    }
    const limit =
      length > BigInt(LARGEST_HEADER)
        ? `the format allows ${LARGEST_HEADER}`
        : `the file has ${source.size - LENGTH_BYTES} left`;
    throw new PithError("checkpoint", `the header claims ${length} bytes, but ${limit}`, {
      place,
      advice: "The file is damaged, cut off, or not a safetensors file.",
    });
  }
  return Number(length);
}

function readMetadata(file: string, value: unknown): ReadonlyMap<string, string> {
  // The reference reader treats null as absent.
  if (value === undefined || value === null) return new Map();
  const place = { file, field: "__metadata__" };
  if (!isRecord(value)) throw new PithError("checkpoint", "must map text to text", { place });
  return new Map(
    Object.entries(value).map(([key, text]) => {
      if (typeof text === "string") return [key, text];
      throw new PithError("checkpoint", `"${shorten(key)}" is ${describeValue(text)}, not text`, { place });
    }),
  );
}

function readEntry(source: ByteSource, dataStart: number, name: string, info: unknown): SafetensorsEntry {
  const fail = (message: string) => tensorError(source.name, name, message);
  if (!isRecord(info)) throw fail(`is described by ${describeValue(info)}, not by an object`);
  const dtype = ownProperty(info, "dtype");
  const bits = typeof dtype === "string" ? elementBits(dtype) : undefined;
  if (typeof dtype !== "string" || bits === undefined)
    throw fail(`has unknown dtype ${describeValue(dtype)}`);

  const shape = ownProperty(info, "shape");
  if (!isSizes(shape)) throw fail(`has shape ${describeValue(shape)}, not a list of whole numbers`);
  const offsets = ownProperty(info, "data_offsets");
  if (!isSizes(offsets)) throw fail(`has data_offsets ${describeValue(offsets)}, not two whole numbers`);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2) {
    throw fail(`has ${offsets.length} data_offsets, not two`);
  }
  if (begin > end) throw fail(`has reversed data_offsets [${begin}, ${end}]`);
  const available = source.size - dataStart;
  if (end > available) {
    throw fail(
      `reaches to byte ${end} of the data, but the file holds ${available}: it is cut off or damaged`,
    );
  }
  const bytes = byteLength(shape, bits);
  if (bytes === undefined)
    throw fail(`has shape [${shorten(shape.join(", "))}], which is too large to be true`);
  if (bytes !== end - begin) {
    throw fail(
      `${dtype} [${shorten(shape.join(", "))}] takes ${bytes} bytes, but its data_offsets span ${end - begin}`,
    );
  }
  return { name, dtype, shape: shape.map(positiveZero), begin: dataStart + begin, end: dataStart + end };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** JSON has −0, shapes don't. */
function positiveZero(size: number): number {
  return size === 0 ? 0 : size;
}

/** Undefined when the result, or an intermediate one (as in the reference reader), is beyond exact integers. */
function byteLength(shape: readonly number[], bits: number): number | undefined {
  let total = bits;
  for (const size of shape) {
    total *= size;
    if (!Number.isSafeInteger(total)) return undefined;
  }
  return total / 8;
}

/** Sorted tensors must follow each other without gaps, from the first byte of the data to the last. */
function checkCoverage(source: ByteSource, dataStart: number, tensors: readonly SafetensorsEntry[]): void {
  let position = dataStart;
  let previous: string | undefined;
  for (const { name, begin, end } of tensors) {
    if (begin < position) {
      throw tensorError(source.name, name, `overlaps tensor "${shorten(previous ?? "")}"`);
    }
    if (begin > position) {
      throw tensorError(source.name, name, `${begin - position} bytes before its data belong to no tensor`);
    }
    position = end;
    previous = name;
  }
  if (position !== source.size) {
    throw new PithError("checkpoint", `the last ${source.size - position} bytes belong to no tensor`, {
      place: { file: source.name },
    });
  }
}

function tensorError(file: string, name: string, message: string, advice = ""): PithError {
  return new PithError("checkpoint", message, { place: { file, tensor: name }, advice });
}
