/** What a run has made, as files that go out: those that Pith writes. Whatever else lies there stays at home. */
import { folderLayout } from "../../export/folder-layout.ts";
import { type ListedFile, listFiles } from "../listed-files.ts";
import { expectResult, type RunRecord } from "./run-folder.ts";

const sweepFiles = ["sweep.json", "sweep.jsonl", "sweep.csv"];

/** @throws Refusal where the folder is gone, or is none. */
export async function resultFiles(record: RunRecord): Promise<readonly ListedFile[]> {
  const own = new Set(record.request.kind === "extract" ? circuitFiles() : sweepFiles);
  return (await listFiles(await expectResult(record))).filter(({ name }) => own.has(name));
}

function circuitFiles(): readonly string[] {
  const { modelFolder, model, weights, ...others } = folderLayout;
  return [...Object.values(others), `${modelFolder}/${model}`, `${modelFolder}/${weights}`];
}
