/** The files of a GGUF model on disk (Node): the one that was named, or all parts of a model that was split. */
import { basename, dirname, join } from "node:path";
import { PithError } from "../../errors.ts";
import { errorCode } from "../../files/file-error.ts";
import type { ByteSource } from "../byte-source.ts";
import { openFileSource } from "../file-source.ts";

/** llama.cpp's names of parts: "model-00001-of-00003.gguf". */
const partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;

/** A file's name can say up to 99,999 parts; no real model has that many. */
const mostParts = 999;

/** Whether a path is a GGUF file's, by its name. */
export function isGgufPath(path: string): boolean {
  return /\.gguf$/i.test(path);
}

/** The name of a model: its file's name without the number of the part. */
export function ggufName(path: string): string {
  const name = basename(path);
  return partName.exec(name)?.[1] ?? name.replace(/\.gguf$/i, "");
}

/**
 * Opens the parts in their order.
 * @param onOpen called with each file as soon as it is open, so that the caller can close it after any error.
 * @throws PithError "checkpoint" for a part that is missing, or where a part other than the first was named.
 */
export async function openGgufFiles(
  path: string,
  onOpen: (source: ByteSource) => void,
): Promise<readonly ByteSource[]> {
  const [, stem = "", number = "1", last = "1"] = partName.exec(basename(path)) ?? [];
  const count = Number(last);
  const place = { file: path };
  const partAt = (part: number) =>
    join(dirname(path), `${stem}-${String(part).padStart(5, "0")}-of-${last}.gguf`);
  if (Number(number) !== 1)
    throw new PithError("checkpoint", `is part ${Number(number)} of ${count}`, {
      place,
      advice: `Give the first: ${partAt(1)}.`,
    });
  if (count < 1 || count > mostParts)
    throw new PithError("checkpoint", `is by its name one of ${count} parts, which is too many to be true`, {
      place,
    });
  const sources: ByteSource[] = [];
  for (let part = 1; part <= count; part++) {
    const source = await openFileSource(part === 1 ? path : partAt(part)).catch((error: unknown) => {
      throw isMissing(error) ? missingPart(partAt(part), part, count) : error;
    });
    onOpen(source);
    sources.push(source);
  }
  return sources;
}

function isMissing(error: unknown): boolean {
  return error instanceof PithError && errorCode(error.cause) === "ENOENT";
}

function missingPart(file: string, part: number, count: number): PithError {
  return new PithError("checkpoint", `is missing: it is part ${part} of ${count} of this model`, {
    place: { file },
    advice: "Put all parts into one folder, under the names that they had.",
  });
}
