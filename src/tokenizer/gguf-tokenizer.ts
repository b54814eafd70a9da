/**
 * A GGUF file's tokenizer, which is in its metadata, as the tokenizer.json and tokenizer_config.json that other tools
 * read, and that are shipped with a circuit. Two kinds are read: byte-level BPE ("gpt2"), and SentencePiece's BPE by
 * scores with single bytes for what has no token ("llama"). Where the space before and after an added token goes is
 * not in such a file: added tokens take none.
 */
import type { PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import { preTokenization, preTokenizationNames } from "./gguf-pre-tokenizers.ts";
import type { JsonObject } from "./json.ts";
import { mergesByScore } from "./merges-by-score.ts";
import { tokenizerError } from "./tokenizer-error.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";

/** The file's metadata by key; values as its reader gives them. */
export type TokenizerMetadata = ReadonlyMap<string, unknown>;

/** `tokenizer.ggml.token_type`. */
const kinds = { unknown: 2, control: 3, userDefined: 4, unused: 5 } as const;
const normal = 1;

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly kinds: ArrayLike<number>;
  readonly file: string;
  readonly metadata: TokenizerMetadata;
}

/**
 * The two files for {@link createTokenizer}.
 * @param file the GGUF file's path, for errors.
 * @throws PithError "tokenizer" for a kind of tokenizer that is not read, and for lists that are missing or don't fit.
 */
export function ggufTokenizerFiles(metadata: TokenizerMetadata, file: string): TokenizerFiles {
  const model = textOf(metadata, "tokenizer.ggml.model", file);
  const vocabulary = readVocabulary(metadata, file);
  switch (model) {
    case "gpt2":
      return byteLevelFiles(vocabulary);
    case "llama":
      return sentencePieceFiles(vocabulary);
    case undefined:
      throw fault(file, "tokenizer.ggml.model", "is missing: the file holds no tokenizer");
    default:
      throw fault(file, "tokenizer.ggml.model", `is ${quote(model)}; Pith reads "gpt2" and "llama"`);
  }
}

/** Every fault can be mended in the same way. */
function fault(file: string, field: string, message: string): PithError {
  const advice =
    "Put the original model's tokenizer.json (and tokenizer_config.json) into the folder of the GGUF file: it is used instead.";
  return tokenizerError(file, field, `${message}.`, advice);
}

function readVocabulary(metadata: TokenizerMetadata, file: string): Vocabulary {
  const all = metadata.get("tokenizer.ggml.tokens");
  if (!isTexts(all) || all.length === 0) throw fault(file, "tokenizer.ggml.tokens", "is no list of tokens");
  const types = metadata.get("tokenizer.ggml.token_type") ?? all.map(() => normal);
  if (!isNumbers(types) || types.length !== all.length)
    throw fault(file, "tokenizer.ggml.token_type", `is no list of ${all.length} numbers`);
  // What fills the embedding's rows up is no token.
  let count = all.length;
  while (count > 1 && types[count - 1] === kinds.unused) count--;
  const tokens = all.slice(0, count);
  const ids = new Set(tokens);
  if (ids.size !== tokens.length) {
    const twice = tokens.find((token, id) => tokens.indexOf(token) !== id) ?? "";
    throw fault(file, "tokenizer.ggml.tokens", `holds ${quote(twice)} twice`);
  }
  if (ids.has("")) throw fault(file, "tokenizer.ggml.tokens", "holds an empty token");
  return { tokens, kinds: types, file, metadata };
}

function byteLevelFiles(vocabulary: Vocabulary): TokenizerFiles {
  const { metadata, file } = vocabulary;
  const key = "tokenizer.ggml.pre";
  const pre = textOf(metadata, key, file);
  const parts = preTokenization(pre ?? "");
  if (pre === undefined || parts === undefined) {
    const found = pre === undefined ? "is missing" : `is ${quote(pre)}, which Pith does not know`;
    throw fault(file, key, `${found}; known are ${preTokenizationNames.join(", ")}`);
  }
  const merges = metadata.get("tokenizer.ggml.merges");
  if (!isTexts(merges)) throw fault(file, "tokenizer.ggml.merges", "is no list of texts");
  return files(vocabulary, parts.addBos ?? false, {
    normalizer: parts.normalizer ?? null,
    pre_tokenizer: parts.pre_tokenizer,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...bpe,
      ignore_merges: parts.ignoreMerges ?? false,
      vocab: idsOf(vocabulary),
      merges: merges.map((merge) => splitMerge(merge, file)),
    },
  });
}

const bpe = {
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};

/** The space between the two may be followed by another, which is the second's. */
function splitMerge(merge: string, file: string): readonly [string, string] {
  const space = merge.indexOf(" ", 1);
  const pair = [merge.slice(0, Math.max(space, 0)), merge.slice(space + 1)] as const;
  if (space > 0 && pair[1] !== "") return pair;
  throw fault(file, "tokenizer.ggml.merges", `holds ${quote(merge)}, which are no two tokens`);
}

const space = "▁";

function sentencePieceFiles(vocabulary: Vocabulary): TokenizerFiles {
  const { metadata, file, tokens } = vocabulary;
  const scores = metadata.get("tokenizer.ggml.scores");
  if (!isNumbers(scores) || scores.length < tokens.length)
    throw fault(file, "tokenizer.ggml.scores", `is no list of ${tokens.length} numbers`);
  const prefixed = flagOf(metadata, "tokenizer.ggml.add_space_prefix", file) ?? true;
  const replace = { type: "Replace", pattern: { String: " " }, content: space };
  const unknown = tokens.find((_, id) => vocabulary.kinds[id] === kinds.unknown);
  return files(vocabulary, true, {
    normalizer: prefixed
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: space }, replace] }
      : replace,
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: space }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefixed ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      ...bpe,
      unk_token: unknown ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: idsOf(vocabulary),
      merges: mergesByScore(tokens, scores, (id) => (vocabulary.kinds[id] ?? normal) === normal),
    },
  });
}

function idsOf({ tokens }: Vocabulary): Readonly<Record<string, number>> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/** @param addBos whether texts begin with the start token where the file doesn't say. */
function files(vocabulary: Vocabulary, addBos: boolean, parts: JsonObject): TokenizerFiles {
  const { tokens, metadata, file } = vocabulary;
  const named = (name: string) => namedToken(vocabulary, `tokenizer.ggml.${name}_token_id`);
  const [bos, eos] = [named("bos"), named("eos")];
  const flag = (name: string) => flagOf(metadata, `tokenizer.ggml.${name}`, file);
  const before = (flag("add_bos_token") ?? addBos) ? bos : undefined;
  const after = (flag("add_eos_token") ?? false) ? eos : undefined;
  const added = tokens.flatMap((content, id) => {
    const kind = vocabulary.kinds[id];
    const special = kind === kinds.control || kind === kinds.unknown;
    const isNamed = id === bos?.id || id === eos?.id;
    if (!special && kind !== kinds.userDefined && !isNamed) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...flags, special: special || isNamed }];
  });
  const name = (field: string, token: NamedToken | undefined) =>
    token === undefined ? {} : { [`${field}_token`]: token.content };
  const template = textOf(metadata, "tokenizer.chat_template", file);
  return {
    "tokenizer.json": {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added,
      ...parts,
      post_processor: before === undefined && after === undefined ? null : templateOf(before, after),
    },
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      clean_up_tokenization_spaces: false,
      ...name("bos", bos),
      ...name("eos", eos),
      ...name("unk", named("unknown")),
      ...name("pad", named("padding")),
      ...(template !== undefined && { chat_template: template }),
    },
  };
}

/** As other tools put the tokens around a text; Pith asks with `--bos`. */
function templateOf(before: NamedToken | undefined, after: NamedToken | undefined): JsonObject {
  const special = (token: NamedToken | undefined, type: number) =>
    token === undefined ? [] : [{ SpecialToken: { id: token.content, type_id: type } }];
  const text = (id: string, type: number) => [
    ...special(before, type),
    { Sequence: { id, type_id: type } },
    ...special(after, type),
  ];
  const tokens = [before, after].filter((token) => token !== undefined);
  return {
    type: "TemplateProcessing",
    single: text("A", 0),
    pair: [...text("A", 0), ...text("B", 1)],
    special_tokens: Object.fromEntries(
      tokens.map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}

interface NamedToken {
  readonly id: number;
  readonly content: string;
}

/** Ids that no token has are left alone, as config.json's are. */
function namedToken({ tokens, metadata }: Vocabulary, key: string): NamedToken | undefined {
  const id = metadata.get(key);
  const content = typeof id === "number" ? tokens[id] : undefined;
  return typeof id === "number" && content !== undefined ? { id, content } : undefined;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isNumbers(value: unknown): value is ArrayLike<number> {
  return (ArrayBuffer.isView(value) && !(value instanceof DataView)) || isNumberList(value);
}

function isNumberList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

function textOf(metadata: TokenizerMetadata, key: string, file: string): string | undefined {
  const value = metadata.get(key);
  if (value === undefined || typeof value === "string") return value;
  throw fault(file, key, "is not text");
}

function flagOf(metadata: TokenizerMetadata, key: string, file: string): boolean | undefined {
  const value = metadata.get(key);
  if (value === undefined || typeof value === "boolean") return value;
  throw fault(file, key, "is not true or false");
}
