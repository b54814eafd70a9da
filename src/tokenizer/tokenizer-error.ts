/** Errors about tokenizer files; they name the file. */
import { PithError } from "../errors.ts";

/** A file's name as errors show it. */
export function inFolder(folder: string, name: string): string {
  return folder === "" ? name : `${folder.replace(/\/+$/, "")}/${name}`;
}

/** An error about a tokenizer file. */
export function tokenizerError(file: string, field: string, message: string, advice = ""): PithError {
  return new PithError("tokenizer", message, { place: { file, ...(field === "" ? {} : { field }) }, advice });
}
