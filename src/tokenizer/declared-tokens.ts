/**
 * The tokens that a folder's files declare in addition to the model's own vocabulary, each with its declared
 * flags.
 */
import { z } from "zod";
import { isObject, type JsonObject } from "./json.ts";
import { inFolder, tokenizerError } from "./tokenizer-error.ts";
import { tokenIdOf } from "./vocabulary.ts";

/** A token that is searched in a text before the text is split; defaults as in tokenizers' `AddedToken`. */
export interface AddedToken {
  readonly content: string;
  /** It matches only where no letter stands before or after it. */
  readonly single_word: boolean;
  /** It includes the spaces before it. */
  readonly lstrip: boolean;
  /** It includes the spaces after it. */
  readonly rstrip: boolean;
  /** It is searched in the normalised text. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** A token as `added_tokens` of tokenizer.json lists it. */
export type ListedToken = JsonObject & { readonly id: number; readonly content: string };

export interface DeclaredToken {
  readonly token: AddedToken;
  readonly id: number;
  /** The file that declares it, for errors. */
  readonly file: string;
  readonly field: string;
}

/** The contents of a folder's files; absent files are undefined. */
export interface DeclaringFiles {
  /** `tokenizer.json`. */
  readonly tokenizer: JsonObject;
  /** `tokenizer_config.json`. */
  readonly config?: JsonObject | undefined;
  /** `special_tokens_map.json`. */
  readonly specialTokensMap?: unknown;
  /** `added_tokens.json`: token → id. */
  readonly addedTokens?: unknown;
  /** The model's `config.json`; only the class of tokenizer and the ids of special tokens count. */
  readonly modelConfig?: JsonObject | undefined;
}

export const SPECIAL_NAMES: readonly string[] = [
  ...["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"],
];

const tokenSchema = z.object({
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().optional(),
});

/**
 * Reads a token that is written as text, or as an object of its flags. @param special used when the object
 * doesn't say.
 */
function asAddedToken(value: unknown, special: boolean): AddedToken | undefined {
  const parsed = tokenSchema.safeParse(typeof value === "string" ? { content: value } : value);
  if (!parsed.success) return undefined;
  const isSpecial = parsed.data.special ?? special;
  return { ...parsed.data, special: isSpecial, normalized: parsed.data.normalized ?? !isSpecial };
}

/**
 * The special tokens that the config names: bos_token and the like, names of the model's own, and those without a
 * name.
 */
export function namedTokens(config: JsonObject): readonly AddedToken[] {
  const { extra_special_tokens: extra, additional_special_tokens: older } = config;
  const ownNames = Object.keys(config).filter(
    (key) => key.endsWith("_token") && !SPECIAL_NAMES.includes(key),
  );
  const listed = Array.isArray(extra) && extra.length > 0 ? extra : Array.isArray(older) ? older : [];
  const values = [
    ...[...SPECIAL_NAMES, ...ownNames].map((key) => config[key]),
    ...(isObject(extra) ? Object.values(extra) : []),
    ...listed,
  ];
  return values.flatMap((value) => asAddedToken(value, true) ?? []);
}

/** Contents of the tokens that the config names, by name: "bos_token" and its like, as chat templates know them. */
export function namedTokensByName(config: JsonObject): ReadonlyMap<string, string> {
  const names = Object.keys(config).filter((key) => key.endsWith("_token"));
  return new Map(
    names.flatMap((name) => {
      const token = asAddedToken(config[name], true);
      return token === undefined ? [] : [[name, token.content]];
    }),
  );
}

/**
 * The tokens with ids, in the order of these ids: from `added_tokens_decoder` alone where it exists, else from
 * added_tokens.json and tokenizer.json, where tokenizer.json has precedence.
 * @param named the special tokens that the config names.
 * @throws PithError "tokenizer" that names the file and the token.
 */
export function declaredTokens(
  { tokenizer, addedTokens }: DeclaringFiles,
  config: JsonObject,
  named: ReadonlySet<string>,
  folder: string,
): readonly DeclaredToken[] {
  const decoder = config["added_tokens_decoder"] ?? undefined;
  const declared =
    decoder === undefined
      ? [...fromAddedTokens(addedTokens, named, folder), ...fromTokenizer(tokenizer, folder)]
      : fromDecoder(decoder, folder);
  const byId = new Map(declared.map((one) => [one.id, one]));
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

function fromDecoder(decoder: unknown, folder: string): readonly DeclaredToken[] {
  const file = inFolder(folder, "tokenizer_config.json");
  if (!isObject(decoder)) {
    throw tokenizerError(file, "added_tokens_decoder", "expected an object of id: token");
  }
  return Object.entries(decoder).map(([key, value]) => {
    const field = `added_tokens_decoder.${key}`;
    const token = asAddedToken(value, false);
    if (token === undefined) throw tokenizerError(file, field, "expected a token with its content");
    const id = tokenIdOf(/^\d+$/.test(key) ? Number(key) : key, token.content, file, field);
    return { token, id, file, field };
  });
}

function fromAddedTokens(
  addedTokens: unknown,
  named: ReadonlySet<string>,
  folder: string,
): readonly DeclaredToken[] {
  if (addedTokens === undefined) return [];
  const file = inFolder(folder, "added_tokens.json");
  if (!isObject(addedTokens)) throw tokenizerError(file, "", "expected an object of token: id");
  return Object.entries(addedTokens).map(([content, value]) => {
    const id = tokenIdOf(value, content, file);
    const special = named.has(content);
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: !special, special };
    return { token: { content, ...flags }, id, file, field: "" };
  });
}

function fromTokenizer(tokenizer: JsonObject, folder: string): readonly DeclaredToken[] {
  const file = inFolder(folder, "tokenizer.json");
  return listedTokens(tokenizer).flatMap((listed) => {
    const token = asAddedToken(listed, false);
    return token === undefined ? [] : [{ token, id: listed.id, file, field: "added_tokens" }];
  });
}

/** `added_tokens` of a checked tokenizer.json. */
export function listedTokens(tokenizer: JsonObject): readonly ListedToken[] {
  const listed = tokenizer["added_tokens"];
  return Array.isArray(listed) ? listed : [];
}

/** Whether `added_tokens` can be read; where it can't, the check of the file says why. */
export function hasListedTokens(tokenizer: JsonObject): boolean {
  const listed = tokenizer["added_tokens"] ?? [];
  return (
    Array.isArray(listed) &&
    listed.every(
      (token) =>
        isObject(token) && typeof token["id"] === "number" && asAddedToken(token, false) !== undefined,
    )
  );
}
