/** A task file by path (Node). */
import { readTaskFile } from "../tasks/read-task-file.ts";
import type { TaskFile } from "../tasks/task-file.ts";
import { embeddedTask, packagePath } from "./package-files.ts";

export interface Task extends TaskFile {
  readonly path: string;
}

/** @param path left out, the indirect-object task that comes with the embedded model. @throws PithError "task". */
export async function readTask(path: string = packagePath(embeddedTask)): Promise<Task> {
  return { ...(await readTaskFile(path)), path };
}
