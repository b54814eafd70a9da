/** A tokenizer from a model's folder (Node). */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PithError } from "../errors.ts";
import { applyDeclarations } from "./apply-declarations.ts";
import { buildByteLevelBpe } from "./byte-level-bpe.ts";
import { isObject, type JsonObject } from "./json.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { tokenizerError } from "./tokenizer-error.ts";

/** The largest real tokenizer.json is some 35 MB; above this it is another kind of file. */
const LARGEST_FILE = 256 * 2 ** 20;

/**
 * Reads `tokenizer.json`, or else `vocab.json` + `merges.txt`, and what other files of the folder add to it:
 * `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and the ids in `config.json`.
 * @throws PithError "tokenizer" when neither is there, or what is there is malformed.
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const readObject = async (name: string): Promise<JsonObject | undefined> => {
    const value = await readJson(directory, name);
    if (value === undefined || isObject(value)) return value;
    throw tokenizerError(join(directory, name), "", "expected an object");
  };
  const declarations = {
    config: await readObject("tokenizer_config.json"),
    specialTokensMap: await readObject("special_tokens_map.json"),
    addedTokens: await readObject("added_tokens.json"),
    modelConfig: await readObject("config.json"),
  };
  const tokenizerJson = await readJson(directory, "tokenizer.json");
  if (tokenizerJson !== undefined) {
    const files = { ...declarations, tokenizer: tokenizerJson as JsonObject };
    return createTokenizer(applyDeclarations(files, directory), directory);
  }
  const [vocabulary, merges] = await Promise.all([
    readJson(directory, "vocab.json"),
    readText(directory, "merges.txt"),
  ]);
  if (vocabulary === undefined || merges === undefined) {
    throw new PithError("tokenizer", "no tokenizer here.", {
      place: { file: directory },
      advice: "Put tokenizer.json, or both vocab.json and merges.txt, beside the model.",
    });
  }
  return createTokenizer(buildByteLevelBpe({ ...declarations, vocabulary, merges }, directory), directory);
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
