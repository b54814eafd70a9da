/**
 * Checks that the files of a shipped folder are the ones that circuit.json lists (Node): one changed bit of the
 * weights changes answers, and nothing else would notice. A file is streamed, and hashed once per process unless
 * it changes.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { PithError } from "../errors.ts";
import { fileError } from "../files/file-error.ts";
import { hashFile } from "../files/hash.ts";
import type { FileRecord } from "./checksum.ts";
import { folderLayout as names, shippedFiles } from "./folder-layout.ts";

/** @returns undefined if there is no such file. @throws PithError "circuit" if it can't be read. */
export async function recordFile(directory: string, name: string): Promise<FileRecord | undefined> {
  const path = join(directory, name);
  if (!(await exists(path))) return undefined;
  const state = await stateOf(path);
  return state.isFile ? { name, bytes: state.bytes, sha256: await hashOnce(path, state) } : undefined;
}

/**
 * The records of the files that belong to a folder, except the model card and circuit.json, which holds the
 * records.
 */
export async function recordFiles(directory: string): Promise<readonly FileRecord[]> {
  const records: FileRecord[] = [];
  for (const name of shippedFiles()) {
    const record = await recordFile(directory, name);
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** Files that a tokenizer is read from if they exist; a shipped tokenizer does not need them. */
const tokenizerExtras = ["special_tokens_map.json", "added_tokens.json"];

/**
 * @param files as circuit.json lists them. @param needed names of the files that will be read; each must be
 * listed.
 * @throws PithError "circuit" that names the missing or changed file.
 */
export async function checkFiles(
  directory: string,
  files: readonly FileRecord[],
  needed: readonly string[],
): Promise<void> {
  for (const name of needed) {
    const path = join(directory, name);
    const record = files.find((each) => each.name === name);
    if (record === undefined) throw damaged(path, `is not among the files that ${names.circuit} lists`);
    const state = await stateOf(path);
    if (!state.isFile) throw damaged(path, "is not a file");
    if (state.bytes !== record.bytes) {
      throw damaged(path, `has ${state.bytes} bytes, but ${names.circuit} says ${record.bytes}`);
    }
    if ((await hashOnce(path, state)) !== record.sha256) {
      throw damaged(path, `was changed after it was written: its SHA-256 is not the one in ${names.circuit}`);
    }
  }
  for (const name of tokenizerExtras) {
    const path = join(directory, name);
    if (files.some((each) => each.name === name) || !(await exists(path))) continue;
    throw damaged(path, `changes the tokenizer, and is not among the files that ${names.circuit} lists`);
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

interface FileState {
  readonly isFile: boolean;
  readonly bytes: number;
  /** Changes whenever the file is written or replaced. */
  readonly version: string;
}

async function stateOf(path: string): Promise<FileState> {
  try {
    const found = await stat(path, { bigint: true });
    const { dev, ino, size, mtimeNs, ctimeNs } = found;
    return {
      isFile: found.isFile(),
      bytes: Number(size),
      version: [dev, ino, size, mtimeNs, ctimeNs].join(),
    };
  } catch (error) {
    throw fileError("circuit", path, error);
  }
}

/** Hashes by path. */
const hashed = new Map<string, { readonly version: string; readonly sha256: string }>();

async function hashOnce(path: string, { version }: FileState): Promise<string> {
  const found = hashed.get(path);
  if (found?.version === version) return found.sha256;
  const sha256 = await hashFile(path, { code: "circuit" });
  hashed.set(path, { version, sha256 });
  return sha256;
}

function damaged(file: string, message: string): PithError {
  return new PithError("circuit", message, {
    place: { file },
    advice: "Copy the folder again, or make the circuit anew.",
  });
}
