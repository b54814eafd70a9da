/**
 * The folder that a command makes (Node): what may be replaced, one process at a time, whole or not at all. A command
 * claims its folder before its work begins, which also mends what a killed one left, and fills it at the end.
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
  /** The file by which a folder that may be replaced is known; `--out ~ --force` must not cost anyone a home. */
  readonly marker: string;
  /** What such a folder is called in messages. */
  readonly kind: string;
}

/**
 * Whether the folder may be written, so that a long run can fail before it starts.
 * @throws PithError "output" when something is there and may not be replaced, or the place is no place.
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
 * Takes the folder's name for this process, mends what a killed one left there, and checks it. Makes the folders
 * above it.
 * @returns what gives the name back. @throws PithError "output" as `checkOutputFolder` and `lockOutput`.
 */
export async function claimOutputFolder(
  directory: string,
  options: OutputFolderOptions,
): Promise<() => Promise<void>> {
  const path = resolve(directory);
  checkNotRoot(path);
  const release = await lockOutput(path);
  try {
    // Whoever else was at work here is gone, or the name would not be ours.
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
 * @param fill writes what belongs into the folder that it is given, which then takes the place of `directory`.
 * @throws PithError "output", and whatever `fill` throws; nothing half-written is left.
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

/** The same for texts. @param files their contents by name. */
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
