/** Makes copies of the embedded model, each damaged in one way. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export interface TensorEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}
type Header = Record<string, TensorEntry>;

export function copyNano(directory: string): string {
  cpSync(resolve("models/nano"), directory, { recursive: true });
  return directory;
}

export function editJson(path: string, edit: (value: Record<string, unknown>) => void): void {
  const value = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  edit(value);
  writeFileSync(path, JSON.stringify(value));
}

/** Rewrites the header of model.safetensors; the data after it stays unchanged. */
export function editHeader(directory: string, edit: (header: Header) => void): void {
  const path = join(directory, "model.safetensors");
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Header;
  edit(header);
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([prefix, text, bytes.subarray(8 + length)]));
}

/** Changes the bytes of model.safetensors. */
export function editWeights(directory: string, edit: (bytes: Buffer) => Buffer): void {
  const path = join(directory, "model.safetensors");
  writeFileSync(path, edit(readFileSync(path)));
}

export function entry(header: Header, name: string): TensorEntry {
  const found = header[name];
  if (found === undefined) throw new Error(`nano has no tensor ${name}`);
  return found;
}

/** Adds a tensor after all others. @param bytes in their stored form. */
export function addTensor(
  directory: string,
  name: string,
  { dtype, shape, bytes }: { readonly dtype: string; readonly shape: number[]; readonly bytes: Uint8Array },
): void {
  editHeader(directory, (header) => {
    const end = Math.max(
      ...Object.entries(header).map(([key, { data_offsets }]) =>
        key === "__metadata__" ? 0 : data_offsets[1],
      ),
    );
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
  });
  editWeights(directory, (file) => Buffer.concat([file, bytes]));
}

/** The stored bytes of a tensor. */
export function storedBytes(directory: string, name: string): Buffer {
  const bytes = readFileSync(join(directory, "model.safetensors"));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, start).toString()) as Header;
  const [begin, end] = entry(header, name).data_offsets;
  return bytes.subarray(start + begin, start + end);
}
