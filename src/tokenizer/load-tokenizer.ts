/** A tokenizer from a model's folder (Node). */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PithError } from "../errors.ts";
import { buildByteLevelBpe } from "./byte-level-bpe.ts";
import { isObject, type JsonObject } from "./json.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { tokenizerError } from "./tokenizer-error.ts";

/** The largest real tokenizer.json is some 35 MB; above this it is another kind of file. */
const LARGEST_FILE = 256 * 2 ** 20;

/**
 * Reads `tokenizer.json` (+ `tokenizer_config.json`), or else `vocab.json` + `merges.txt`.
 * @throws PithError "tokenizer" when neither is there, or what is there is malformed.
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const config = await readJson(directory, "tokenizer_config.json");
  if (config !== undefined && !isObject(config)) {
    throw tokenizerError(join(directory, "tokenizer_config.json"), "", "expected an object");
  }
  const tokenizerJson = await readJson(directory, "tokenizer.json");
  if (tokenizerJson !== undefined) {
    const files = {
      "tokenizer.json": tokenizerJson as JsonObject,
      "tokenizer_config.json": config ?? {},
    };
    return createTokenizer(files, directory);
  }
  const [vocabulary, merges, addedTokens] = await Promise.all([
    readJson(directory, "vocab.json"),
    readText(directory, "merges.txt"),
    readJson(directory, "added_tokens.json"),
  ]);
  if (vocabulary === undefined || merges === undefined) {
    throw new PithError("tokenizer", "no tokenizer here.", {
      place: { file: directory },
      advice: "Put tokenizer.json, or both vocab.json and merges.txt, beside the model.",
    });
  }
  const parts = { vocabulary, merges, addedTokens, config };
  return createTokenizer(buildByteLevelBpe(parts, directory), directory);
}

async function readJson(directory: string, name: string): Promise<unknown> {
  const text = await readText(directory, name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    // The engine's message quotes the file: only where the fault is may be told.
    const at = / at (position \d+)/.exec(String(cause))?.[1];
    throw new PithError("tokenizer", at === undefined ? "not JSON." : `not JSON: see ${at}.`, {
      place: { file: join(directory, name) },
    });
  }
}

/** The text of a file, or undefined when there is none. */
async function readText(directory: string, name: string): Promise<string | undefined> {
  const file = join(directory, name);
  try {
    const { size } = await stat(file);
    if (size > LARGEST_FILE)
      throw tokenizerError(file, "", `${size} bytes are too many for a tokenizer file`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    if (cause instanceof PithError) throw cause;
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    const reason = cause instanceof TypeError ? "not UTF-8 text" : `can't be read: ${String(cause)}`;
    throw new PithError("tokenizer", reason, { place: { file }, cause });
  }
}
