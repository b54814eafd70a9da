/** The size–KL curves that stand beside a sweep: those of learned searches of the same model and task. */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { folderLayout } from "../../export/folder-layout.ts";
import { readCircuitFile } from "../../export/read-folder.ts";
import type { RunCurve, RunRequest } from "../api.ts";
import type { Run } from "./run.ts";
import { resultFolder } from "./run-folder.ts";

/** @returns the curves in the order of the runs; none for a run that is no sweep. */
export async function curvesBeside(sweep: Run, runs: readonly Run[]): Promise<readonly RunCurve[]> {
  const beside = runs.filter(
    ({ record, status }) => status.state === "done" && isOf(sweep.record.request, record.request),
  );
  const read = beside.map(async ({ record }): Promise<readonly RunCurve[]> => {
    const path = join(resultFolder(record), folderLayout.circuit);
    // A folder that was moved or damaged says so on its own page.
    const circuit = await readCircuitFile(path).catch(() => undefined);
    if (circuit?.curve === undefined) return [];
    const { parameters, kl, accuracy } = circuit.metrics;
    return [
      {
        ...{ id: record.id, seed: circuit.task.seed, ablation: circuit.replacement.ablation },
        points: circuit.curve,
        circuit: {
          size: parameters.circuit.body / parameters.original.body,
          ...{ kl: kl.test ?? kl.validation, accuracy: (accuracy.test ?? accuracy.validation)?.circuit },
        },
      },
    ];
  });
  return (await Promise.all(read)).flat();
}

/** Whether a learned search was asked for with the prompts and replacements of one of the sweep's searches. */
function isOf(sweep: RunRequest, own: RunRequest): boolean {
  if (sweep.kind !== "sweep" || own.kind !== "extract" || own.search === undefined) return false;
  const setting = ({ options: { means, bos, chat, firstPosition, valueBias }, model, task }: RunRequest) => ({
    ...{ model, task, means, bos, chat, firstPosition, valueBias },
  });
  return (
    isDeepStrictEqual(setting(sweep), setting(own)) &&
    sweep.ablations.includes(own.options.ablation) &&
    sweep.seeds.includes(own.options.seed)
  );
}
