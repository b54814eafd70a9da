/**
 * The output folder of a command (Node): only folders of Pith's own are replaced, one process at a time writes,
 * and the folder appears complete or not at all. A command claims its folder before its work begins, which also
 * repairs what a killed process left, and fills it at the end.
 */
import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { PithError } from "../errors.ts";
import { beginFolder, kindOf, recoverFolder } from "./atomic-folder.ts";
import { fileError } from "./file-error.ts";
import { lockOutput } from "./output-lock.ts";
import { writeText } from "./write-file.ts";

export interface OutputFolderOptions {
  /** Replace a folder that is there. */
  readonly force: boolean;
  /** The file that a folder must contain to be replaced: `--out ~ --force` must not delete a home directory. */
  readonly marker: string;
  /** The name of such a folder in messages. */
  readonly kind: string;
}

/**
 * Checks that the folder may be written, so that a long run can fail before it starts.
 * @throws PithError "output" when something is there that may not be replaced, or no folder can be made at this
 * path.
 */
export async function checkOutputFolder(
  directory: string,
  { force, marker, kind }: OutputFolderOptions,
): Promise<void> {
  const path = resolve(directory);
  checkNotRoot(path);
  const found = await kindOf(path);
  if (found === undefined) return;
  if (found === "other") throw outputError(path, "exists, and is not a folder", "Choose another name.");
  if (!force) throw outputError(path, "exists already", "Choose another folder, or replace it with --force.");
  const content = await readdir(path).catch((error) => {
    throw fileError("output", path, error);
  });
  if (content.length > 0 && !content.includes(marker)) {
    throw outputError(
      path,
      `exists, and is no ${kind} (it has no ${marker})`,
      `Even --force replaces a ${kind} only: choose another name, or remove it yourself.`,
    );
  }
}

/**
 * Claims the folder for this process, repairs what a killed process left there, and checks it. Makes the folders
 * above it.
 * @returns a function that gives the claim back. @throws PithError "output" as `checkOutputFolder` and
 * `lockOutput` do.
 */
export async function claimOutputFolder(
  directory: string,
  options: OutputFolderOptions,
): Promise<() => Promise<void>> {
  const path = resolve(directory);
  checkNotRoot(path);
  const release = await lockOutput(path);
  try {
    // Every other process that worked here has ended; otherwise the lock would not be ours.
    await recoverFolder(path, () => true).catch((error: unknown) => {
      throw fileError("output", path, error);
    });
    await checkOutputFolder(path, options);
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Fills a new folder and puts it in the place of `directory`. @param fill writes the content into the folder that
 * it is given.
 * @throws PithError "output", and whatever `fill` throws; no incomplete folder is left.
 */
export async function fillOutputFolder(
  directory: string,
  options: OutputFolderOptions,
  fill: (partial: string) => Promise<void>,
): Promise<void> {
  const folder = await beginFolder(directory);
  try {
    await fill(folder.partial);
    await folder.commit(() => checkOutputFolder(directory, options));
  } catch (error) {
    await folder.discard().catch(() => undefined);
    throw fileError("output", resolve(directory), error);
  }
}

/** Writes a folder of texts in the same way. @param files their contents by name. */
export function writeOutputFolder(
  directory: string,
  files: Readonly<Record<string, string>>,
  options: OutputFolderOptions,
): Promise<void> {
  return fillOutputFolder(directory, options, async (partial) => {
    for (const [name, text] of Object.entries(files)) await writeText(join(partial, name), text);
  });
}

function checkNotRoot(path: string): void {
  if (basename(path) === "") throw outputError(path, "is the root of the file system");
}

function outputError(file: string, message: string, advice = ""): PithError {
  return new PithError("output", message, { place: { file }, advice });
}
