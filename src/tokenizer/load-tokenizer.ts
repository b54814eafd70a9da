/** Loads a tokenizer from a model's folder or from its GGUF file (Node). */
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PithError } from "../errors.ts";
import { errorCode } from "../files/file-error.ts";
import { readJson as readJsonText } from "../files/json.ts";
import { readInput, readJsonBytes } from "../files/read-input.ts";
import { applyDeclarations } from "./apply-declarations.ts";
import { buildByteLevelBpe } from "./byte-level-bpe.ts";
import { ggufTokenizerFiles, type TokenizerMetadata } from "./gguf-tokenizer.ts";
import { isObject, type JsonObject } from "./json.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { tokenizerError } from "./tokenizer-error.ts";

/** The largest real tokenizer.json has about 35 MB; a larger file than this is some other kind of file. */
const LARGEST_FILE = 256 * 2 ** 20;
/** Names of templates are few: tool_use, rag. */
const MOST_TEMPLATES = 32;

/**
 * Reads `tokenizer.json`, or else `vocab.json` + `merges.txt`, and the declarations in other files of the folder:
 * `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and the ids in `config.json`.
 * @throws PithError "tokenizer" when neither exists, or a file is malformed.
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const readObject = async (name: string): Promise<JsonObject | undefined> => {
    const value = await readJson(directory, name);
    if (value === undefined || isObject(value)) return value;
    throw tokenizerError(join(directory, name), "", "expected an object");
  };
  const declarations = {
    config: await withTemplateFiles(directory, await readObject("tokenizer_config.json")),
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

/**
 * The tokenizer that a GGUF file's metadata hold. Where Pith can't read that one, a tokenizer.json in the file's folder
 * stands for it.
 * @param path the GGUF file's.
 * @throws PithError "tokenizer" that says what it could not read.
 */
export async function loadGgufTokenizer(metadata: TokenizerMetadata, path: string): Promise<Tokenizer> {
  try {
    return createTokenizer(ggufTokenizerFiles(metadata, path), path);
  } catch (error) {
    if (!(error instanceof PithError)) throw error;
    const folder = dirname(path);
    if ((await readText(folder, "tokenizer.json")) === undefined) throw error;
    return loadTokenizer(folder);
  }
}

/**
 * The newer manner, in which templates stand in files of their own: where there are any, what tokenizer_config.json
 * has does not count, as in transformers.
 */
async function withTemplateFiles(
  directory: string,
  config: JsonObject | undefined,
): Promise<JsonObject | undefined> {
  const [main, others] = await Promise.all([
    readText(directory, "chat_template.jinja"),
    readAdditional(join(directory, "additional_chat_templates")),
  ]);
  if (main === undefined && others.length === 0) return config;
  const template =
    others.length === 0
      ? main
      : Object.fromEntries([...(main === undefined ? [] : [["default", main]]), ...others]);
  return { ...config, chat_template: template };
}

async function readAdditional(folder: string): Promise<readonly (readonly [string, string])[]> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch {
    return [];
  }
  const templates = names.filter((name) => name.endsWith(".jinja")).slice(0, MOST_TEMPLATES);
  const texts = await Promise.all(
    templates
      .sort()
      .map(async (name) => [name.slice(0, -".jinja".length), await readText(folder, name)] as const),
  );
  return texts.flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const]));
}

async function readJson(directory: string, name: string): Promise<unknown> {
  const text = await readText(directory, name);
  if (text === undefined) return undefined;
  const found = readJsonText(text.replace(/^\uFEFF/, ""));
  if (found.kind === "value") return found.value;
  throw tokenizerError(join(directory, name), "", `${found.fault}.`);
}

/** The text of a file, or undefined when it does not exist. */
async function readText(directory: string, name: string): Promise<string | undefined> {
  const file = join(directory, name);
  const read = name.endsWith(".json") ? readJsonBytes : readInput;
  let bytes: Uint8Array;
  try {
    bytes = await read(file, { code: "tokenizer", most: LARGEST_FILE, what: "a tokenizer file" });
  } catch (error) {
    const missing = ["ENOENT", "ENOTDIR"];
    if (error instanceof PithError && missing.includes(errorCode(error.cause) ?? "")) return undefined;
    throw error;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw tokenizerError(file, "", "not UTF-8 text");
  }
}
