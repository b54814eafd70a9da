/**
 * site.json of a shared site: what its page must know before it asks a circuit's own files. Written by
 * `pith share`, read by the page in web/share.
 */
import type { FileRecord } from "./checksum.ts";

export const siteFormat = "pith.site/1";
export const siteFileName = "site.json";
/** The licence texts of all that a site carries; the build writes it beside the web apps. */
export const licencesFileName = "licences.txt";

export interface SiteFile {
  readonly format: typeof siteFormat;
  /** Version of the program that wrote it. */
  readonly pith: string;
  readonly title: string;
  readonly circuits: readonly SharedCircuit[];
}

export interface SharedCircuit {
  /** Unlike the others' of its site: the folder's name. Letters, digits, dots, hyphens, underscores. */
  readonly name: string;
  /** Where it lies, relative to the page; ends with a slash. */
  readonly path: string;
  /** What the task is, where it is known. */
  readonly about?: string;
  /** Prompts to begin with, and what is right after them; none where the task was not at hand. */
  readonly samples: readonly SharedPrompt[];
  /** Every file of it, relative to `path`: what is fetched is compared. */
  readonly files: readonly FileRecord[];
}

export interface SharedPrompt {
  readonly prompt: string;
  /** Any of these is right. */
  readonly answers: readonly string[];
}
