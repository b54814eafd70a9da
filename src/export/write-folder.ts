/**
 * Writes the folder that a user ships (Node). It is made beside its final place, where the caller can open and
 * check it; it gets its name only when it is complete and the caller says so. So nobody sees an incomplete
 * folder.
 */

import { copyFile, cp, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { planSafetensors } from "../checkpoint/safetensors-writer.ts";
import { writeSafetensorsFile } from "../checkpoint/write-safetensors-file.ts";
import { beginFolder } from "../files/atomic-folder.ts";
import { fileError } from "../files/file-error.ts";
import { makeFolders } from "../files/make-folders.ts";
import { checkOutputFolder } from "../files/output-folder.ts";
import { readJsonObject } from "../files/read-input.ts";
import { writeBytes, writeText } from "../files/write-file.ts";
import type { OperatorSet } from "../lowering/operator-set.ts";
import { encodeGraph } from "../onnx/encode-graph.ts";
import type { Graph } from "../onnx/graph.ts";
import type { TokenizerFiles } from "../tokenizer/tokenizer.ts";
import type { AnyTransformer } from "../transformer/transformer.ts";
import { recordFiles } from "./check-files.ts";
import type { CircuitFile } from "./circuit-file.ts";
import { circuitJson, formatCircuitFile, parseCircuitFile, sealCircuitFile } from "./circuit-json.ts";
import {
  configJson,
  generationConfigJson,
  type Profile,
  type SpecialTokens,
  transformersJsConfig,
} from "./config-json.ts";
import type { NarrowDtype } from "./dtype.ts";
import { modelFiles, folderLayout as names } from "./folder-layout.ts";
import { modelCard } from "./model-card.ts";
import { shipModel } from "./ship-model.ts";
import { shippedTokenizer } from "./shipped-tokenizer.ts";
import { tensorsToStore } from "./stored-weights.ts";
import type { StructureRecord } from "./structure-record.ts";

export interface FolderContents {
  /** The standalone model, or an original. */
  readonly model: AnyTransformer;
  readonly profile: Profile;
  readonly tokenizer: TokenizerFiles;
  readonly specialTokens: SpecialTokens;
  /** Operators that the graph may use; left out: standard ones only. */
  readonly operators?: OperatorSet | undefined;
}

export interface WriteFolderOptions {
  /** Replace a folder that is there. */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of weights written so far, and in all. */
  readonly onProgress?: (written: number, total: number) => void;
}

export interface WrittenModel {
  /** The path of the ONNX file, for opening and measuring. */
  readonly modelPath: string;
  /** Size of the file with the weights. */
  readonly bytes: number;
}

/**
 * A folder that lacks only circuit.json and README.md, under a temporary name. Call either `commit` or `discard`
 * at the end.
 */
export interface PreparedFolder {
  /** The present path of the folder. */
  readonly directory: string;
  /** The path of the ONNX file in it, for opening and verification. */
  readonly modelPath: string;
  /** Size of the file with the weights, as first written. */
  readonly bytes: number;
  /** Replaces the model by another graph, as in another number format. @returns the new weights' size. */
  replaceModel(graph: Graph): Promise<number>;
  /** Writes a graph in another number format beside the model. */
  addModel(graph: Graph, dtype: NarrowDtype): Promise<WrittenModel>;
  /**
   * Writes circuit.json and the card, and gives the folder its name. If anything fails, the partial folder is
   * removed.
   * @returns circuit.json, with the hashes of all files.
   */
  commit(circuit: CircuitFile): Promise<CircuitFile>;
  /** Removes the folder; does nothing after `commit`. */
  discard(): Promise<void>;
}

/** The file that marks a circuit's folder, so that it may be replaced. */
export const circuitFolder = { marker: names.circuit, kind: "circuit folder" } as const;

/**
 * Checks that the folder may be written, so that a long run can fail before it starts.
 * @throws PithError "output" when something is there that may not be replaced, or no folder can be made at this
 * path.
 */
export function checkCircuitFolder(
  directory: string,
  { force = false }: Pick<WriteFolderOptions, "force"> = {},
): Promise<void> {
  return checkOutputFolder(directory, { force, ...circuitFolder });
}

/** Writes everything but circuit.json and README.md beside `directory`. @throws PithError "output". */
export function prepareCircuitFolder(
  directory: string,
  contents: FolderContents,
  options: WriteFolderOptions = {},
): Promise<PreparedFolder> {
  return prepare(directory, options, (partial) => writeContents(partial, contents, options));
}

/**
 * The same for an existing circuit folder, with another graph.
 * @param source the folder whose configuration and tokenizer are copied. @throws PithError "output".
 */
export function prepareConvertedFolder(
  directory: string,
  source: string,
  graph: Graph,
  options: WriteFolderOptions & { readonly config?: object } = {},
): Promise<PreparedFolder> {
  return prepare(directory, options, async (partial) => {
    for (const name of [names.config, names.generationConfig, names.tokenizer, names.tokenizerConfig]) {
      await copyFile(join(source, name), join(partial, name));
    }
    if (options.config !== undefined) await writeJson(join(partial, names.config), options.config, 2);
    return { bytes: await writeModel(partial, graph, options, false) };
  });
}

/**
 * Makes a copy of a circuit's folder that will replace it, so that number formats can be added. It has all files
 * of the folder, also those that somebody else put there. @throws PithError "output".
 */
export function prepareExtendedFolder(
  directory: string,
  options: Omit<WriteFolderOptions, "force"> = {},
): Promise<PreparedFolder> {
  return prepare(directory, { ...options, force: true }, async (partial) => {
    await cp(directory, partial, { recursive: true });
    await listFormats(join(partial, names.config));
    return { bytes: (await stat(join(partial, names.modelFolder, names.weights))).size };
  });
}

/**
 * Folders of earlier versions could hold only one format, and their config.json tells transformers.js about the
 * weights of that format.
 */
async function listFormats(path: string): Promise<void> {
  const config = await readJsonObject(path, { code: "circuit" });
  if (config["transformers.js_config"] === undefined) return;
  await writeJson(path, { ...config, "transformers.js_config": transformersJsConfig }, 2);
}

/** What a partial folder holds. */
interface Filled {
  /** The size of its weights. */
  readonly bytes: number;
  /**
   * Present for a model that was just lowered; a folder that was made from another one keeps the record in that
   * one's circuit.json.
   */
  readonly structure?: StructureRecord;
}

/** @param write fills the partial folder. */
async function prepare(
  directory: string,
  options: WriteFolderOptions,
  write: (partial: string) => Promise<Filled>,
): Promise<PreparedFolder> {
  options.signal?.throwIfAborted();
  await checkCircuitFolder(directory, options);
  const folder = await beginFolder(directory);
  const { partial } = folder;
  const orDiscard = async <Result>(action: () => Promise<Result>): Promise<Result> => {
    try {
      return await action();
    } catch (error) {
      await folder.discard();
      throw options.signal?.aborted ? error : fileError("output", partial, error);
    }
  };

  const { bytes, structure } = await orDiscard(() => write(partial));
  return {
    directory: partial,
    modelPath: join(partial, names.modelFolder, names.model),
    bytes,
    replaceModel: (graph) => orDiscard(() => writeModel(partial, graph, options, true)),
    addModel: (graph, dtype) =>
      orDiscard(async () => {
        const own = modelFiles(dtype);
        const written = await writeModel(partial, graph, { signal: options.signal }, true, own);
        return { modelPath: join(partial, names.modelFolder, own.model), bytes: written };
      }),
    discard: folder.discard,
    commit: (circuit) =>
      orDiscard(async () => {
        options.signal?.throwIfAborted();
        const { files: _, checksum: __, ...facts } = circuit;
        const whole = { ...facts, ...(structure && { structure }) };
        const sealed = sealCircuitFile(parseCircuitFile(circuitJson(whole)), await recordFiles(partial));
        await writeText(join(partial, names.circuit), formatCircuitFile(sealed));
        await writeText(join(partial, names.card), modelCard(sealed));
        options.signal?.throwIfAborted();
        // Somebody may have put something there in the meantime.
        await folder.commit(() => checkCircuitFolder(directory, options));
        return sealed;
      }),
  };
}

async function writeContents(
  folder: string,
  { model, profile, tokenizer, specialTokens, operators }: FolderContents,
  { signal, onProgress }: WriteFolderOptions,
): Promise<Filled> {
  const { graph, shipped, structure } = shipModel(model, profile, operators);
  const files = shippedTokenizer(tokenizer);
  await writeJson(join(folder, names.config), configJson(shipped, profile, specialTokens), 2);
  await writeJson(join(folder, names.generationConfig), generationConfigJson(specialTokens), 2);
  await writeJson(join(folder, names.tokenizer), files["tokenizer.json"], 0);
  await writeJson(join(folder, names.tokenizerConfig), files["tokenizer_config.json"], 2);

  const bytes = await writeModel(folder, graph, { signal, ...(onProgress && { onProgress }) }, false);
  return { bytes, structure };
}

/**
 * Writes the graph and the container with its weights.
 * @param replaces whether such files may exist; the graph may read its weights from them.
 * @param own the names of the two files.
 * @returns the container's size.
 */
async function writeModel(
  folder: string,
  graph: Graph,
  { signal, onProgress }: WriteFolderOptions,
  replaces: boolean,
  own: ReturnType<typeof modelFiles> = modelFiles(),
): Promise<number> {
  const modelFolder = join(folder, names.modelFolder);
  const weightsPath = join(modelFolder, own.weights);
  const fresh = replaces ? `${weightsPath}.new` : weightsPath;
  await makeFolders(modelFolder);
  const metadata = { format: "pith" };
  const weights = tensorsToStore(graph);
  const plan = planSafetensors(weights, metadata);
  const places = new Map(plan.entries.map((entry) => [entry.name, entry]));
  const encoded = encodeGraph(graph, (name) => {
    const place = places.get(name);
    if (place === undefined) throw new RangeError(`the weights lack ${name}`);
    return { location: own.weights, offset: place.offset, byteLength: place.byteLength };
  });
  await writeSafetensorsFile(fresh, weights, {
    metadata,
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  if (replaces) await rename(fresh, weightsPath);
  await writeBytes(join(modelFolder, own.model), encoded);
  return plan.totalBytes;
}

const writeJson = (path: string, value: unknown, indent: number): Promise<void> =>
  writeText(path, `${JSON.stringify(value, undefined, indent)}\n`);
