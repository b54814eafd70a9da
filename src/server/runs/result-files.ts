/**
 * The result files of a run that may be sent to a page: only files that Pith writes. Other files in the folder
 * are never sent.
 */
import { folderLayout } from "../../export/folder-layout.ts";
import { type ListedFile, listFiles } from "../listed-files.ts";
import { expectResult, type RunRecord } from "./run-folder.ts";

const sweepFiles = ["sweep.json", "sweep.jsonl", "sweep.csv"];

/** @throws Refusal if the folder is missing, or is not a folder. */
export async function resultFiles(record: RunRecord): Promise<readonly ListedFile[]> {
  const own = new Set(record.request.kind === "extract" ? circuitFiles() : sweepFiles);
  return (await listFiles(await expectResult(record))).filter(({ name }) => own.has(name));
}

function circuitFiles(): readonly string[] {
  const { modelFolder, model, weights, ...others } = folderLayout;
  return [...Object.values(others), `${modelFolder}/${model}`, `${modelFolder}/${weights}`];
}
