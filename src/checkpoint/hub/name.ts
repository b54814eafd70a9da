/**
 * The forms in which the user may name a model: a folder, or a hub name `name` or `org/name` with an optional
 * `@revision`. The parts of a hub name become folder names and parts of URLs, so they are checked here, once,
 * before they are used.
 */

import { PithError } from "../../errors.ts";

export interface HubName {
  /** `name` or `org/name`. */
  readonly repository: string;
  /** A branch, a tag, `refs/pr/1`, or a commit of 40 hexadecimal digits. */
  readonly revision: string;
}

/** True for text that can only be a path, whether or not it exists. */
export function looksLikePath(text: string): boolean {
  return (
    text === "" ||
    /^(\.{1,2}$|\.{1,2}[\\/]|[\\/~])/.test(text) ||
    /^[A-Za-z]:[\\/]/.test(text) ||
    /[\\/]$/.test(text)
  );
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** @throws PithError "options" if the text is not a hub name. */
export function parseHubName(text: string, revisionOption?: string): HubName {
  const at = text.indexOf("@");
  const repository = at < 0 ? text : text.slice(0, at);
  const suffix = at < 0 ? undefined : text.slice(at + 1);
  if (suffix !== undefined && revisionOption !== undefined && suffix !== revisionOption) {
    throw new PithError(
      "options",
      `the model "${text}" names revision "${suffix}", but revision "${revisionOption}" is asked for as well.`,
      { advice: "Give the revision once." },
    );
  }
  const revision = suffix ?? revisionOption ?? "main";

  // The hub's own rules (huggingface_hub's validate_repo_id): "--" would be ambiguous in the cache's folder names.
  const part = /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?$/;
  const parts = repository.split("/");
  const valid =
    parts.length <= 2 &&
    parts.every((name) => part.test(name) && name.length <= 96) &&
    !/--|\.\.|\.git$/.test(repository);
  if (!valid) {
    throw new PithError("options", `"${text}" is neither a folder here nor a hub name.`, {
      advice: "Give a folder, or a hub name: name or org/name, with @revision if needed.",
    });
  }
  const validRevision = revision
    .split("/")
    .every((name) => /^[A-Za-z0-9_][\w.+-]*$/.test(name) && !name.includes(".."));
  if (!validRevision) {
    throw new PithError("options", `"${revision}" is no revision of the hub model "${repository}".`, {
      advice: "Give a branch, a tag or a commit.",
    });
  }
  return { repository, revision };
}
