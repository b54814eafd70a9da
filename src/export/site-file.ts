/**
 * site.json of a shared site: what its page must know before it reads a circuit's own files. Written by `pith
 * share`, read by the page in web/share.
 */
import type { FileRecord } from "./checksum.ts";

export const siteFormat = "pith.site/1";
export const siteFileName = "site.json";
/** The licence texts of everything that a site contains; the build writes the file beside the web apps. */
export const licencesFileName = "licences.txt";

export interface SiteFile {
  readonly format: typeof siteFormat;
  /** Version of the program that wrote it. */
  readonly pith: string;
  readonly title: string;
  readonly circuits: readonly SharedCircuit[];
}

export interface SharedCircuit {
  /** The folder's name, unique within the site. Letters, digits, dots, hyphens, underscores. */
  readonly name: string;
  /** The folder's path relative to the page; ends with a slash. */
  readonly path: string;
  /** A description of the task, if it is known. */
  readonly about?: string;
  /** Example prompts and their right answers; none if the task was not available. */
  readonly samples: readonly SharedPrompt[];
  /** Every file of the folder, relative to `path`: downloaded files are compared with these records. */
  readonly files: readonly FileRecord[];
}

export interface SharedPrompt {
  readonly prompt: string;
  /** Each of these is a right answer. */
  readonly answers: readonly string[];
}
