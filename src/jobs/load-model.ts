/** Loads a model by folder, GGUF file or hub name for a search (Node). Weights are read when they are needed. */
import { basename, resolve } from "node:path";
import type { FamilyConfig } from "../architectures/family.ts";
import { readTransformer } from "../architectures/index.ts";
import { openCheckpoint } from "../architectures/open-checkpoint.ts";
import { ggufName, isGgufPath } from "../checkpoint/gguf/gguf-files.ts";
import { resolveModelFolder } from "../checkpoint/hub/hub.ts";
import { expandHome } from "../checkpoint/hub/settings.ts";
import { PithError } from "../errors.ts";
import type { SpecialTokens } from "../export/config-json.ts";
import { embeddedModel, embeddedName, packagePath } from "../files/package-files.ts";
import { quote } from "../printable.ts";
import { checkVocabulary } from "../tokenizer/check-vocabulary.ts";
import { loadGgufTokenizer, loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { OnEvent } from "./events.ts";

/** An original model. Its weights are read when they are needed; close it after use. */
export interface Model {
  /** The name for readers, also in circuits that others get: for a folder, its name without its path. */
  readonly name: string;
  /** The folder of its checkpoint, or its GGUF file. */
  readonly directory: string;
  /** The model as blocks that read from and write to a residual stream. */
  readonly transformer: Transformer;
  /** The model's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The content of config.json, or of a GGUF file's metadata, checked. */
  readonly config: FamilyConfig;
  /** The files that hold the weights. */
  readonly files: readonly {
    /** The file's path. */
    readonly path: string;
    /** Its size in bytes. */
    readonly size: number;
  }[];
  /** What is left out of the checkpoint, or read differently from config.json: one sentence each. */
  readonly notes: readonly string[];
  /** Whether it is the model that comes with Pith. */
  readonly embedded: boolean;
  /** Closes the files. No weights can be read afterwards. */
  close(): Promise<void>;
}

/** How a model is loaded. */
export interface LoadOptions {
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, decisions, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/**
 * Loads a model: from a folder, from a GGUF file, from the Hugging Face hub, or the small one that comes with Pith.
 * @param nameOrPath a folder, a GGUF file (of several parts, the first), or a hub name as `org/name`; "nano", or left
 *   out: the embedded model.
 * @example
 * ```ts
 * const model = await loadModel("openai-community/gpt2");
 * ```
 * @throws PithError for a folder, a download, a config, weights or a tokenizer that can't be used.
 */
export async function loadModel(nameOrPath?: string, { signal, onEvent }: LoadOptions = {}): Promise<Model> {
  const embedded = nameOrPath === undefined || nameOrPath === embeddedName;
  const { directory, name } = embedded
    ? { directory: packagePath(embeddedModel), name: embeddedName }
    : await findFolder(nameOrPath, { signal, onEvent });
  const checkpoint = await openCheckpoint(directory);
  try {
    const notes: string[] = [];
    const transformer = await readTransformer(checkpoint, (note) => {
      notes.push(note);
      onEvent?.({ kind: "note", note });
    });
    const { metadata } = checkpoint;
    const tokenizer = await (metadata === undefined
      ? loadTokenizer(directory)
      : loadGgufTokenizer(metadata, directory));
    checkVocabulary(tokenizer, transformer.vocabularySize);
    return {
      name,
      directory,
      transformer,
      tokenizer,
      config: checkpoint.config,
      files: checkpoint.files,
      notes,
      embedded,
      close: () => checkpoint.close(),
    };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** The ids that generation needs: config.json's, or else the tokenizer's end token. */
export function specialTokens({ config, tokenizer }: Pick<Model, "config" | "tokenizer">): SpecialTokens {
  const end = tokenizer.eosTokenId === undefined ? [] : [tokenizer.eosTokenId];
  return { bos: config.bosTokenId, eos: config.eosTokenIds.length > 0 ? config.eosTokenIds : end };
}

async function findFolder(
  nameOrPath: string,
  { signal, onEvent }: LoadOptions,
): Promise<{ readonly directory: string; readonly name: string }> {
  const directory = await resolveModelFolder(nameOrPath, {
    ...(signal && { signal }),
    ...(onEvent && { onProgress: (progress) => onEvent({ kind: "download", progress }) }),
  }).catch((error: unknown) => {
    throw explainName(nameOrPath, error);
  });
  // A local folder keeps its name; a model from the hub lies in the cache, under another name.
  const isFolder = directory === resolve(expandHome(nameOrPath, process.env));
  if (!isFolder) return { directory, name: nameOrPath };
  return { directory, name: isGgufPath(directory) ? ggufName(directory) : folderName(directory) };
}

/** In the hub's cache, a snapshot's own name is a commit; the model's name is two folders above. @internal */
export function folderName(directory: string): string {
  const cached = /[\\/]models--([^\\/]+)[\\/]snapshots[\\/][^\\/]+$/.exec(directory)?.[1];
  return cached?.replace("--", "/") ?? (basename(directory) || "model");
}

/** A mistyped folder must not look like a network error. */
function explainName(name: string, error: unknown): unknown {
  if (!(error instanceof PithError) || error.code !== "hub") return error;
  return new PithError("hub", error.message, {
    advice: `(There is no folder ${quote(name)} here, so it was taken for a name on the hub.)`,
    cause: error,
  });
}
