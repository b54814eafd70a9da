/** Values of a GGUF file's metadata, by the kind that is wanted; each error names the key. */
import { type ErrorPlace, PithError } from "../../errors.ts";
import type { GgufMetadata, GgufValue } from "./header.ts";

export interface MetadataReader {
  readonly file: string;
  readonly keys: Iterable<string>;
  /** Undefined where the key is not there, as for all of these. */
  value(key: string): GgufValue | undefined;
  text(key: string): string | undefined;
  texts(key: string): readonly string[] | undefined;
  number(key: string): number | undefined;
  /** A whole number from 0 that is exact. A list of equal ones, as some files have for each layer, is one. */
  count(key: string): number | undefined;
  flag(key: string): boolean | undefined;
  numbers(key: string): ArrayLike<number> | undefined;
  fault(key: string, message: string, advice?: string): PithError;
}

/** @param file the path, for errors. */
export function readMetadata(metadata: GgufMetadata, file: string): MetadataReader {
  const fault = (key: string, message: string, advice = "") => {
    const place: ErrorPlace = { file, field: key };
    return new PithError("checkpoint", message, { place, advice });
  };
  const of =
    <Value>(kind: string, is: (value: GgufValue) => Value | undefined) =>
    (key: string): Value | undefined => {
      const value = metadata.get(key);
      if (value === undefined) return undefined;
      const found = is(value);
      if (found === undefined) throw fault(key, `is not ${kind}`);
      return found;
    };
  return {
    file,
    keys: metadata.keys(),
    fault,
    value: (key) => metadata.get(key),
    text: of("text", (value) => (typeof value === "string" ? value : undefined)),
    texts: of("a list of texts", (value) => (isTexts(value) ? value : undefined)),
    number: of("a number", (value) => (typeof value === "number" ? value : undefined)),
    count: of("a whole number, the same for all layers", countOf),
    flag: of("true or false", (value) => (typeof value === "boolean" ? value : undefined)),
    numbers: of("a list of numbers", (value) => (ArrayBuffer.isView(value) ? value : undefined)),
  };
}

function isTexts(value: GgufValue): value is readonly string[] {
  return Array.isArray(value);
}

function countOf(value: GgufValue): number | undefined {
  const one = ArrayBuffer.isView(value) && value.every((each) => each === value[0]) ? value[0] : value;
  return typeof one === "number" && Number.isSafeInteger(one) && one >= 0 ? one : undefined;
}
