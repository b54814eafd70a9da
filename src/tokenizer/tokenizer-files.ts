/**
 * The files that a tokenizer is made from: the two of the Hugging Face format, as JSON values. The library that
 * runs them does not check them: a hole in the vocabulary, a merge of unknown tokens or a piece length of zero
 * gives lost text or an endless loop, not an error. So everything that it relies on is checked here first.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { quote, showValue } from "../printable.ts";
import type { ListedToken } from "./declared-tokens.ts";
import { isObject, type JsonObject } from "./json.ts";
import { inFolder, tokenizerError } from "./tokenizer-error.ts";
import { checkDense, checkMerge, isPair, tokenId, uniteIds } from "./vocabulary.ts";

/** The files that are shipped with a circuit, by name; an exporter may write each entry unchanged. */
export interface TokenizerFiles {
  /** The tokenizer itself, in the Hugging Face format. */
  readonly "tokenizer.json": JsonObject;
  /** Its settings, such as special tokens. */
  readonly "tokenizer_config.json": JsonObject;
}

/** The two files, checked, in the form that the library expects. */
export interface CheckedTokenizer {
  /** `tokenizer.json` with every part present, the model's type named, and merges as pairs. */
  readonly tokenizer: JsonObject;
  readonly config: JsonObject;
  readonly addedTokens: readonly ListedToken[];
  /** `model` of `tokenizer`. */
  readonly model: JsonObject;
  /** The model's own tokens to their ids. */
  readonly modelIds: ReadonlyMap<string, number>;
  /** Every token, added ones included, to its id; ids differ. */
  readonly ids: ReadonlyMap<string, number>;
  /** Every id that has a token. */
  readonly tokens: ReadonlyMap<number, string>;
  /** Highest id + 1. */
  readonly vocabularySize: number;
  readonly modelType: ModelType;
  /** The config's bos token, or its eos token if it has no bos; undefined when it names neither. */
  readonly startToken: string | undefined;
  /** The config's eos token. */
  readonly endToken: string | undefined;
}

type ModelType = "BPE" | "Unigram" | "WordPiece" | "WordLevel";

/** Components nest a few levels in real files. */
const DEEPEST_NESTING = 16;

const namedToken = z.union([z.string(), z.looseObject({ content: z.string() }), z.null()]).optional();
const configSchema = z.looseObject({
  bos_token: namedToken,
  eos_token: namedToken,
  additional_special_tokens: z.array(z.unknown()).nullish(),
});
const componentSchema = z.looseObject({ type: z.string() }).nullish();
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: tokenId, content: z.string().min(1) })).nullish(),
  normalizer: componentSchema,
  pre_tokenizer: componentSchema,
  post_processor: componentSchema,
  decoder: componentSchema,
  model: z.looseObject({ type: z.string().optional(), vocab: z.unknown() }),
});
const unigramVocabulary = z.array(z.tuple([z.string(), z.number()])).min(1);

/**
 * Checks both files.
 * @param folder put in front of the file names in errors; may be empty.
 * @throws PithError "tokenizer" that names the file and the field.
 */
export function checkTokenizerFiles(files: TokenizerFiles, folder: string): CheckedTokenizer {
  const file = inFolder(folder, "tokenizer.json");
  const config = parse(
    configSchema,
    files["tokenizer_config.json"],
    inFolder(folder, "tokenizer_config.json"),
  );
  const json = parse(tokenizerSchema, files["tokenizer.json"], file);
  for (const part of ["normalizer", "pre_tokenizer", "post_processor", "decoder"] as const) {
    checkComponent(json[part], part, file, 0);
  }

  const addedTokens = json.added_tokens ?? [];
  const addedIds = new Set(addedTokens.map(({ id }) => id));
  const modelType = nameModelType(json.model, file);
  const modelIds =
    modelType === "Unigram"
      ? readUnigram(json.model, file)
      : checkDense(json.model.vocab, file, "model.vocab", addedIds);
  if (modelType === "BPE") checkBpe(json.model, file);
  const merges = modelType === "BPE" ? readMerges(json.model, modelIds, file) : undefined;
  const { ids, vocabularySize } = uniteIds(modelIds, addedTokens, file);
  const model = { ...json.model, type: modelType, ...(merges === undefined ? {} : { merges }) };

  return {
    tokenizer: {
      ...json,
      added_tokens: addedTokens,
      normalizer: json.normalizer ?? null,
      pre_tokenizer: json.pre_tokenizer ?? null,
      post_processor: json.post_processor ?? null,
      decoder: json.decoder ?? null,
      model,
    },
    config: { ...config, additional_special_tokens: config.additional_special_tokens ?? [] },
    addedTokens,
    model,
    modelIds,
    ids,
    tokens: new Map([...ids].map(([token, id]) => [id, token])),
    vocabularySize,
    modelType,
    startToken: contentOf(config.bos_token) ?? contentOf(config.eos_token),
    endToken: contentOf(config.eos_token),
  };
}

function contentOf(token: z.infer<typeof namedToken>): string | undefined {
  return typeof token === "object" ? token?.content : token;
}

function parse<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw tokenizerError(file, (issue?.path ?? []).map(String).join("."), issue?.message ?? "malformed");
}

/** Refuses components that would make the library loop or recurse without end. */
function checkComponent(component: unknown, field: string, file: string, depth: number): void {
  if (component === null || component === undefined) return;
  if (!isObject(component)) throw tokenizerError(file, field, "expected an object with a type");
  if (depth > DEEPEST_NESTING) throw tokenizerError(file, field, `nested more than ${DEEPEST_NESTING} deep`);
  if (component["type"] === "FixedLength") {
    const length = component["length"];
    if (!Number.isInteger(length) || Number(length) < 1) {
      throw tokenizerError(
        file,
        `${field}.length`,
        "a FixedLength of less than one character splits nothing",
      );
    }
  }
  if (component["type"] === "Split" || component["type"] === "Replace") checkPattern(component, field, file);
  for (const list of ["normalizers", "pretokenizers", "processors", "decoders"]) {
    const inner = component[list];
    if (inner === undefined) continue;
    if (!Array.isArray(inner)) throw tokenizerError(file, `${field}.${list}`, "expected a list");
    inner.forEach((part, i) => {
      checkComponent(part, `${field}.${list}.${i}`, file, depth + 1);
    });
  }
}

/** The library treats a pattern that it doesn't know as no pattern, and then splits or replaces nothing. */
function checkPattern(component: JsonObject, field: string, file: string): void {
  const { pattern } = component;
  if (isObject(pattern) && (typeof pattern["String"] === "string" || typeof pattern["Regex"] === "string"))
    return;
  throw tokenizerError(file, `${field}.pattern`, 'expected {"String": "…"} or {"Regex": "…"}');
}

/** Older files (GPT-2's own among them) don't name the model's type; its fields show which it is. */
function nameModelType(model: { readonly type?: string | undefined } & JsonObject, file: string): ModelType {
  const type =
    model.type ?? ("merges" in model ? "BPE" : Array.isArray(model["vocab"]) ? "Unigram" : "WordPiece");
  if (type === "BPE" || type === "Unigram" || type === "WordPiece" || type === "WordLevel") return type;
  throw tokenizerError(
    file,
    "model.type",
    `unsupported tokenizer model "${type}".`,
    "Pith reads BPE, Unigram, WordPiece and WordLevel.",
  );
}

/** Refuses options for which Pith can't give the results of the Rust tokenizers. */
function checkBpe(model: JsonObject, file: string): void {
  const { dropout, continuing_subword_prefix: prefix } = model;
  if (typeof dropout === "number" && dropout > 0) {
    throw tokenizerError(
      file,
      "model.dropout",
      `with a dropout of ${dropout} a text has other ids each time.`,
      "Set it to null.",
    );
  }
  if (typeof prefix === "string" && prefix !== "") {
    throw tokenizerError(
      file,
      "model.continuing_subword_prefix",
      `Pith does not read BPE with a prefix on inner pieces (${quote(prefix)})`,
    );
  }
}

function readUnigram(model: JsonObject, file: string): ReadonlyMap<string, number> {
  const entries = unigramVocabulary.safeParse(model["vocab"]);
  if (!entries.success) throw tokenizerError(file, "model.vocab", "expected a list of [token, score] pairs");
  const unknown = model["unk_id"] ?? null;
  if (
    unknown !== null &&
    !(Number.isInteger(unknown) && Number(unknown) >= 0 && Number(unknown) < entries.data.length)
  ) {
    throw tokenizerError(file, "model.unk_id", `${String(unknown)} is no id of this vocabulary`);
  }
  const ids = new Map(entries.data.map(([token], id) => [token, id]));
  if (ids.size !== entries.data.length)
    throw tokenizerError(file, "model.vocab", "the same token stands there twice");
  return ids;
}

/** Merges as "a b" (the older form) or ["a", "b"]; both parts and their result must be tokens. */
function readMerges(
  model: JsonObject,
  ids: ReadonlyMap<string, number>,
  file: string,
): readonly (readonly [string, string])[] {
  const merges = model["merges"];
  if (!Array.isArray(merges)) throw tokenizerError(file, "model.merges", "expected a list");
  return merges.map((merge: unknown, i) => {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    const place = { file, field: `model.merges.${i}` };
    if (!isPair(pair)) {
      throw new PithError("tokenizer", `expected two tokens, found ${showValue(merge)}`, {
        place,
      });
    }
    checkMerge(pair, ids, place);
    return pair;
  });
}
