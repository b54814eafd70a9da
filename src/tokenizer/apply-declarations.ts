/**
 * Puts what a folder declares about its tokenizer outside tokenizer.json into the places that every tool reads:
 * `added_tokens`, the pre-tokenizer, and the names in tokenizer_config.json. The precedence is that of
 * transformers 5 (`PreTrainedTokenizerBase._from_pretrained`, `TokenizersBackend`, `GPT2Tokenizer`), found by
 * experiment:
 *
 * - with `added_tokens_decoder` in tokenizer_config.json, special_tokens_map.json and added_tokens.json are
 *   ignored; without it, special_tokens_map.json overrides tokenizer_config.json;
 * - the class GPT2Tokenizer takes only vocabulary and merges from tokenizer.json: the added tokens are the
 *   declared ones, and `add_prefix_space` is the config's, or false; other classes follow tokenizer.json;
 * - a named token that is not in the vocabulary is added after all the others.
 */

import { quote } from "../printable.ts";
import {
  type AddedToken,
  type DeclaringFiles,
  declaredTokens,
  hasListedTokens,
  type ListedToken,
  listedTokens,
  namedTokens,
  SPECIAL_NAMES,
} from "./declared-tokens.ts";
import { isObject, type JsonObject } from "./json.ts";
import { inFolder, tokenizerError } from "./tokenizer-error.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";

const END_OF_TEXT = "<|endoftext|>";

/**
 * Both files with all declarations in them. A malformed tokenizer.json is returned unchanged.
 * @param folder put in front of the file names in errors.
 * @throws PithError "tokenizer" that names the file and the field.
 */
export function applyDeclarations(files: DeclaringFiles, folder = ""): TokenizerFiles {
  const { tokenizer } = files;
  if (!isObject(tokenizer) || !isObject(tokenizer["model"]) || !hasListedTokens(tokenizer)) {
    return { "tokenizer.json": tokenizer, "tokenizer_config.json": files.config ?? {} };
  }
  const gpt2 = isGpt2Class(files, folder);
  const modelIds = idsOfModel(tokenizer["model"]);
  const merged = mergeSpecialTokensMap(files, folder);
  const config = gpt2 ? { ...gpt2Names(tokenizer, modelIds), ...merged } : merged;

  const added: Added = new Map(gpt2 ? [] : listedTokens(tokenizer).map((token) => [token.content, token]));
  // A padding token is often named but has no row in the embedding. No prompt contains it, so it is not an error.
  const rows = files.modelConfig?.["vocab_size"];
  const hasRow = (content: string) => typeof rows !== "number" || idFor(content, added, modelIds) < rows;
  const named = namedTokens(config);
  const special = new Set(named.map(({ content }) => content));
  for (const { token, id, file, field } of declaredTokens(files, config, special, folder)) {
    const found = add(token, special.has(token.content), added, modelIds);
    if (found === id) continue;
    throw tokenizerError(
      file,
      field,
      `${quote(token.content)} is said to have the id ${id}, but by the order of the tokens it is ${found}.`,
      "Save the tokenizer again: added tokens take the ids after the vocabulary.",
    );
  }
  // When a new token is named twice, the flags of the later name count.
  const declared = new Set(added.keys());
  for (const token of named) {
    if (!declared.has(token.content) && hasRow(token.content)) add(token, true, added, modelIds);
  }
  const tokens = [...added.values()].sort((a, b) => a.id - b.id);
  return {
    "tokenizer.json": {
      ...tokenizer,
      added_tokens: tokens,
      ...(gpt2 && { pre_tokenizer: withPrefixSpace(tokenizer["pre_tokenizer"], config) }),
    },
    "tokenizer_config.json": {
      ...config,
      ...namesFromIds(config, files.modelConfig, tokens),
      ...((config["added_tokens_decoder"] ?? undefined) !== undefined && {
        added_tokens_decoder: Object.fromEntries(tokens.map(({ id, ...token }) => [id, token])),
      }),
    },
  };
}

type Added = Map<string, ListedToken>;

/** The id of a token. A new token takes the next id after all others. */
function idFor(content: string, added: Added, modelIds: ReadonlyMap<string, number>): number {
  const next = () => [...added.values()].reduce((most, { id }) => Math.max(most, id + 1), modelIds.size);
  return added.get(content)?.id ?? modelIds.get(content) ?? next();
}

/** Adds a token and returns its id. A token that exists keeps its id and takes the new flags. */
function add(
  token: AddedToken,
  special: boolean,
  added: Added,
  modelIds: ReadonlyMap<string, number>,
): number {
  const id = idFor(token.content, added, modelIds);
  added.set(token.content, { id, ...token, special: token.special || special });
  return id;
}

/**
 * Whether transformers builds GPT-2's tokenizer anew and ignores everything in tokenizer.json except vocabulary
 * and merges.
 * @throws PithError "tokenizer" when that class is named and tokenizer.json has another design: transformers 4
 * follows the file, and nothing says with which of the two the model was trained.
 */
function isGpt2Class({ tokenizer, config, modelConfig }: DeclaringFiles, folder: string): boolean {
  const [file, named] = [
    ["tokenizer_config.json", config?.["tokenizer_class"]] as const,
    ["config.json", modelConfig?.["tokenizer_class"]] as const,
  ].find(([, name]) => typeof name === "string") ?? ["", undefined];
  const gpt2 =
    named === undefined
      ? modelConfig?.["model_type"] === "gpt2"
      : /^GPT2Tokenizer(Fast)?$/.test(String(named));
  if (!gpt2 || isGpt2Design(tokenizer)) return gpt2;
  if (named === undefined) return false;
  throw tokenizerError(
    inFolder(folder, file),
    "tokenizer_class",
    `${quote(String(named))} means GPT-2's way to split text, but tokenizer.json has another: ` +
      "transformers 5 obeys the class, and transformers 4 the file.",
    'If tokenizer.json is right, write "PreTrainedTokenizerFast" here.',
  );
}

function isGpt2Design(tokenizer: JsonObject): boolean {
  const { model, normalizer, pre_tokenizer: preTokenizer } = tokenizer;
  return (
    (normalizer ?? null) === null &&
    isObject(preTokenizer) &&
    preTokenizer["type"] === "ByteLevel" &&
    preTokenizer["use_regex"] !== false &&
    isObject(model) &&
    model["ignore_merges"] !== true &&
    model["byte_fallback"] !== true
  );
}

/**
 * The class GPT2Tokenizer has default names for its end of text where the config gives none; null counts as
 * given.
 */
function gpt2Names(tokenizer: JsonObject, modelIds: ReadonlyMap<string, number>): JsonObject {
  const isToken =
    modelIds.has(END_OF_TEXT) || listedTokens(tokenizer).some(({ content }) => content === END_OF_TEXT);
  // Otherwise transformers adds the token, with an id that has no row in the model's embedding.
  return isToken ? { bos_token: END_OF_TEXT, eos_token: END_OF_TEXT, unk_token: END_OF_TEXT } : {};
}

function withPrefixSpace(preTokenizer: unknown, config: JsonObject): JsonObject {
  return {
    ...(isObject(preTokenizer) && preTokenizer),
    add_prefix_space: config["add_prefix_space"] === true,
  };
}

function mergeSpecialTokensMap({ config, specialTokensMap }: DeclaringFiles, folder: string): JsonObject {
  const given = config ?? {};
  if ((given["added_tokens_decoder"] ?? undefined) !== undefined || specialTokensMap === undefined)
    return given;
  if (!isObject(specialTokensMap)) {
    throw tokenizerError(inFolder(folder, "special_tokens_map.json"), "", "expected an object");
  }
  const { extra_special_tokens: extra, additional_special_tokens: older, ...others } = specialTokensMap;
  const own = given["extra_special_tokens"] ?? given["additional_special_tokens"];
  const both = Array.isArray(extra) && Array.isArray(own) ? [...own, ...extra] : extra;
  // The config's text replaces a name of the model's own.
  const names = Object.entries(others).filter(
    ([name]) => SPECIAL_NAMES.includes(name) || typeof given[name] !== "string" || !name.endsWith("_token"),
  );
  return {
    ...given,
    ...Object.fromEntries(names),
    ...(own === undefined && older !== undefined && { additional_special_tokens: older }),
    ...(both !== undefined && { extra_special_tokens: both }),
  };
}

/**
 * The start, end and padding token that only config.json gives, by id. Ids without an added token are ignored: a
 * model's configuration often keeps ids that its vocabulary never had.
 */
function namesFromIds(
  config: JsonObject,
  modelConfig: JsonObject | undefined,
  added: readonly ListedToken[],
): JsonObject {
  const names = ["bos", "eos", "pad"].flatMap((name) => {
    const stated = modelConfig?.[`${name}_token_id`];
    const id = Array.isArray(stated) ? stated[0] : stated;
    const token = added.find((candidate) => candidate.id === id);
    const isNamed = (config[`${name}_token`] ?? undefined) !== undefined;
    return isNamed || token === undefined ? [] : [[`${name}_token`, token.content]];
  });
  return Object.fromEntries(names);
}

function idsOfModel(model: unknown): ReadonlyMap<string, number> {
  const vocabulary = isObject(model) ? model["vocab"] : undefined;
  if (Array.isArray(vocabulary)) {
    return new Map(vocabulary.flatMap((entry, id) => (Array.isArray(entry) ? [[String(entry[0]), id]] : [])));
  }
  if (!isObject(vocabulary)) return new Map();
  return new Map(Object.entries(vocabulary).map(([token, id]) => [token, Number(id)]));
}
