/**
 * Opens a shipped folder (Node). Everything that the folder states about itself is checked before anything is
 * run.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openFileSource } from "../checkpoint/file-source.ts";
import { readSafetensorsHeader } from "../checkpoint/safetensors.ts";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import { readJsonObject } from "../files/read-input.ts";
import { loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { checkFiles } from "./check-files.ts";
import type { CircuitFile } from "./circuit-file.ts";
import { parseCircuitFile } from "./circuit-json.ts";
import type { Dtype } from "./dtype.ts";
import { modelFiles, folderLayout as names } from "./folder-layout.ts";
import { circuitIn, mainDtype } from "./formats.ts";
import { parametersIn } from "./stored-weights.ts";

export interface CircuitFolder {
  readonly directory: string;
  /** circuit.json's content for the format that was opened. */
  readonly circuit: CircuitFile;
  /** circuit.json's content with all formats. */
  readonly record: CircuitFile;
  readonly tokenizer: Tokenizer;
  /** The path of the model in onnx/; its weights lie beside it. */
  readonly modelPath: string;
  readonly weightsPath: string;
}

/** A trace of a million decisions has about 100 MB. */
const LARGEST_JSON = 256 * 2 ** 20;

export interface ReadFolderOptions {
  /** The number format to open; left out: the main one. */
  readonly dtype?: Dtype | undefined;
  /** Whether the files of all formats are compared with circuit.json, not only those of the opened one. */
  readonly whole?: boolean | undefined;
}

/**
 * Opens a folder. Files that circuit.json lists are compared with their records. Circuits from before these lists
 * (`circuit.files` is undefined) open without the check.
 * @throws PithError "circuit" naming file and field; "tokenizer" for the tokenizer's files; "options" for a
 * format that is not there.
 */
export async function readCircuitFolder(
  directory: string,
  { dtype, whole = false }: ReadFolderOptions = {},
): Promise<CircuitFolder> {
  const found = await kindOf(directory);
  if (found !== "folder") {
    throw circuitError(
      directory,
      found === undefined ? "does not exist" : "is not a folder",
      "Give a folder that `pith extract` made.",
    );
  }
  const circuitPath = join(directory, names.circuit);
  if ((await kindOf(circuitPath)) === undefined) {
    throw circuitError(
      directory,
      `the folder has no ${names.circuit}`,
      "Give a folder that `pith extract` made.",
    );
  }
  const record = await readCircuitFile(circuitPath);
  const circuit = circuitIn(record, dtype, directory);
  const opened = mainDtype(circuit);
  const model = modelFiles(opened === mainDtype(record) ? undefined : opened);
  const modelPath = join(directory, names.modelFolder, model.model);
  const weightsPath = join(directory, names.modelFolder, model.weights);
  for (const path of [modelPath, weightsPath]) {
    if ((await kindOf(path)) !== "file") throw circuitError(path, "is missing", "Copy the whole folder.");
  }
  await checkWeights(weightsPath, circuit);
  const tokenizer = await loadTokenizer(directory);
  if (tokenizer.vocabularySize > circuit.model.vocabulary) {
    throw circuitError(
      circuitPath,
      `says ${circuit.model.vocabulary}, but the tokenizer beside it has ${tokenizer.vocabularySize} ids`,
      "The folder's files are not of one model.",
      "model.vocabulary",
    );
  }
  if (record.files !== undefined) {
    const beside = [names.config, names.generationConfig, names.tokenizer, names.tokenizerConfig];
    const needed = [...beside, ...Object.values(model).map((name) => `${names.modelFolder}/${name}`)];
    const all = record.files.map(({ name }) => name);
    await checkFiles(directory, record.files, whole ? [...new Set([...needed, ...all])] : needed);
  }
  return { directory, circuit, record, tokenizer, modelPath, weightsPath };
}

/** The container must be complete, and be the one that was measured. */
async function checkWeights(path: string, { metrics }: CircuitFile): Promise<void> {
  const source = await openFileSource(path);
  try {
    if (source.size !== metrics.bytes.circuit) {
      throw circuitError(
        path,
        `has ${source.size} bytes, but ${names.circuit} says ${metrics.bytes.circuit}`,
        "It was cut off, or is another circuit's.",
      );
    }
    const { tensors } = await readSafetensorsHeader(source).catch((error: unknown) => {
      if (!(error instanceof PithError)) throw error;
      // The message already names the file.
      throw new PithError("circuit", error.message, { cause: error });
    });
    const elements = tensors.reduce((sum, tensor) => sum + parametersIn(tensor), 0);
    if (elements !== metrics.parameters.circuit.total) {
      throw circuitError(
        path,
        `holds ${elements} numbers, but ${names.circuit} counts ${metrics.parameters.circuit.total} parameters`,
      );
    }
  } finally {
    await source.close();
  }
}

/** @param path circuit.json. @throws PithError "circuit" naming file and field. */
export async function readCircuitFile(path: string): Promise<CircuitFile> {
  if ((await kindOf(path)) !== "file") throw circuitError(path, "is not a file");
  return parseCircuitFile(await readJsonObject(path, { code: "circuit", most: LARGEST_JSON }), path);
}

async function kindOf(path: string): Promise<"folder" | "file" | "other" | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return "folder";
    return found.isFile() ? "file" : "other";
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw fileError("circuit", path, error);
  }
}

function circuitError(file: string, message: string, advice = "", field?: string): PithError {
  return new PithError("circuit", message, { place: { file, ...(field && { field }) }, advice });
}
