/**
 * The competitors of a bench: circuits, the original lowered by the same code, and the alternatives that a user
 * has.
 */
import { rename, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PithError } from "../../errors.ts";
import type { Profile } from "../../export/config-json.ts";
import type { Dtype } from "../../export/dtype.ts";
import { withDtype } from "../../export/dtype-graph.ts";
import { withDynamicInt8 } from "../../export/dynamic-int8.ts";
import { folderLayout } from "../../export/folder-layout.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { shippedTransformer } from "../../export/ship-model.ts";
import {
  type PreparedFolder,
  prepareCircuitFolder,
  prepareConvertedFolder,
} from "../../export/write-folder.ts";
import { countParameters } from "../../measure/parameters.ts";
import type { Graph } from "../../onnx/graph.ts";
import { checkOriginal } from "../load-circuit.ts";
import { type Model, specialTokens } from "../load-model.ts";
import { openGraph } from "../read-graph.ts";
import type { Competitor } from "./bench-result.ts";

/** A model file that ONNX Runtime opens. */
export interface Contestant {
  readonly name: string;
  readonly kind: Competitor["kind"];
  readonly modelPath: string;
  readonly graph: Graph;
  readonly fileBytes: number;
  readonly parameters: number;
  /** Whether its matrices are float32, as the ceilings are. */
  readonly isFloat32: boolean;
}

/** Possible competitors in addition to circuits and original. */
export const alternatives = ["int8", "transformers.js"] as const;
export type Alternative = (typeof alternatives)[number];

export interface FieldOptions {
  readonly original: Model;
  /** The number format of the circuits to open; left out: each one's main format. */
  readonly dtype?: Dtype | undefined;
  readonly against?: readonly Alternative[];
  readonly signal?: AbortSignal | undefined;
}

export interface Field {
  /** The original first, then the circuits in the given order. */
  readonly contestants: readonly Contestant[];
  /** The first circuit; the others accept the same prompts. */
  readonly folder: CircuitFolder;
  /** The original as a folder of the decoder profile, if transformers.js takes part. */
  readonly decoderFolder: string | undefined;
}

/**
 * @param place a folder for temporary files.
 * @throws PithError "circuit" for a folder that is not a circuit's; "options" if the circuits accept different
 * prompts, or were not cut from the original.
 */
export async function gatherField(
  directories: readonly string[],
  place: string,
  { original, dtype, against = [], signal }: FieldOptions,
): Promise<Field> {
  const folders: CircuitFolder[] = [];
  for (const directory of directories) folders.push(await readCircuitFolder(directory, { dtype }));
  const [folder] = folders;
  if (folder === undefined) throw new PithError("options", "there is no circuit to measure.");
  for (const each of folders) {
    checkOriginal(each, original);
    checkSamePrompts(folder, each);
  }
  const { profile } = folder.circuit;
  const contents = {
    model: original.transformer,
    tokenizer: original.tokenizer.files,
    specialTokens: specialTokens(original),
  };
  const write = async (name: string, own: Profile): Promise<Written> => {
    const target = join(place, name);
    return settle(await prepareCircuitFolder(target, { ...contents, profile: own }, { signal }), target);
  };
  const whole = await write("original", profile);
  const parameters = countParameters(shippedTransformer(original.transformer, profile)).total;
  const contestants = [await contestant("original", "original", whole.modelPath, parameters)];
  // A folder's last name is enough if no two folders have the same.
  const isShort = new Set(folders.map(({ directory }) => basename(directory))).size === folders.length;
  for (const { directory, modelPath, circuit } of folders) {
    const folderName = folders.length === 1 ? "circuit" : isShort ? basename(directory) : directory;
    const name = circuit.dtype === undefined ? folderName : `${folderName}, ${circuit.dtype.weights}`;
    contestants.push(await contestant(name, "circuit", modelPath, circuit.metrics.parameters.circuit.total));
  }
  if (against.includes("int8")) {
    const { graph, close } = await openGraph(whole.modelPath);
    for (const [name, convert] of int8Kinds) {
      const target = join(place, name.replace(/\W+/g, "-"));
      const prepared = await prepareConvertedFolder(target, whole.directory, convert(graph), { signal });
      const { modelPath } = await settle(prepared, target);
      contestants.push(await contestant(name, "alternative", modelPath, parameters));
    }
    await close();
  }
  const decoderFolder = against.includes("transformers.js")
    ? (profile.kind === "decoder" ? whole : await write("decoder", { kind: "decoder" })).directory
    : undefined;
  return { contestants, folder, decoderFolder };
}

/** ONNX Runtime has two kinds of int8 kernels; which is faster depends on the machine and the batch. */
const int8Kinds = [
  ["original, int8 in blocks", (graph: Graph) => withDtype(graph, "int8")],
  ["original, int8 dynamic", withDynamicInt8],
] as const;

interface Written {
  readonly directory: string;
  readonly modelPath: string;
}

/**
 * Renames a prepared folder, which has neither measurements nor a card, and is removed with the bench's files.
 */
async function settle({ directory }: PreparedFolder, target: string): Promise<Written> {
  await rename(directory, target);
  return { directory: target, modelPath: join(target, folderLayout.modelFolder, folderLayout.model) };
}

async function contestant(
  name: string,
  kind: Competitor["kind"],
  modelPath: string,
  parameters: number,
): Promise<Contestant> {
  const file = await openGraph(modelPath);
  // Its weights are not needed any more: the engine opens the file itself.
  await file.close();
  const { graph } = file;
  const { size } = await stat(modelPath);
  const { size: weights } = await stat(`${modelPath}_data`);
  const narrow = graph.weights.some(({ value }) => value.type === "int8" || value.type === "int4");
  return { name, kind, modelPath, graph, fileBytes: size + weights, parameters, isFloat32: !narrow };
}

function checkSamePrompts(first: CircuitFolder, other: CircuitFolder): void {
  const [a, b] = [first.circuit.profile, other.circuit.profile];
  const same = a.kind === "aligned" ? b.kind === "aligned" && a.length === b.length : b.kind === "decoder";
  if (same && first.circuit.task.bos === other.circuit.task.bos) return;
  throw new PithError(
    "options",
    `takes other prompts than ${first.directory}, so the two can't be compared.`,
    {
      place: { file: other.directory },
      advice: "Measure them one by one.",
    },
  );
}
