/**
 * A hub's information about a repository: the commit of a revision, and each file's size and hash, with which
 * downloads are verified. All answers are text from outside and checked before use.
 */

import { listFiles } from "@huggingface/hub";
import { z } from "zod";
import { PithError } from "../../errors.ts";
import { readJson } from "../../files/json.ts";
import { HubUnreachable, hubError } from "./errors.ts";
import { type HubConnection, readHubText } from "./http.ts";
import { isCommit } from "./name.ts";

/** One file of a repository at one commit. */
export interface HubFile {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** The hash of the content (large files) or of git's blob (others); it is also the blob's name in the cache. */
  readonly hash: { readonly kind: "sha256" | "git-sha1"; readonly hex: string };
}

/** @throws PithError "hub", HubUnreachable. */
export async function resolveCommit(
  connection: HubConnection,
  repository: string,
  revision: string,
): Promise<string> {
  if (isCommit(revision)) return revision;
  const url = `${connection.endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}`;
  const { text } = await readHubText(connection, { repository, revision }, url);
  const answer = z.object({ sha: z.string().refine(isCommit) }).safeParse(parseAnswer(url, text));
  if (!answer.success) {
    throw hubError(url, "the answer has no commit in it.", "Check that HF_ENDPOINT is the address of a hub.");
  }
  return answer.data.sha;
}

/**
 * The files at the repository's top, by name; files in folders are ignored.
 * @throws PithError "hub", HubUnreachable.
 */
export async function listRepository(
  connection: HubConnection,
  repository: string,
  commit: string,
): Promise<ReadonlyMap<string, HubFile>> {
  const subject = { repository, revision: commit };
  const mostPages = 100;
  let url = connection.endpoint;
  let pages = 0;
  const files = new Map<string, HubFile>();
  try {
    const entries = listFiles({
      repo: { type: "model", name: repository },
      revision: commit,
      hubUrl: connection.endpoint,
      // The library knows the address and the paging; the request itself is made here.
      fetch: async (input) => {
        url = String(input);
        if (++pages > mostPages) throw hubError(url, `the listing has more than ${mostPages} pages.`);
        const { text, headers } = await readHubText(connection, subject, url);
        // The library parses the text again, but never text that is refused here.
        parseAnswer(url, text);
        const link = headers.get("link");
        return new Response(text, link === null ? {} : { headers: { link } });
      },
    });
    for await (const entry of entries) {
      const file = readEntry(entry);
      if (file !== undefined) files.set(file.name, file);
    }
  } catch (error) {
    connection.signal?.throwIfAborted();
    if (error instanceof PithError || error instanceof HubUnreachable) throw error;
    throw hubError(
      url,
      "the answer is no listing of files.",
      "Check that HF_ENDPOINT is the address of a hub.",
      error,
    );
  }
  return files;
}

const entrySchema = z.object({
  type: z.literal("file"),
  path: z.string(),
  size: z.int().nonnegative(),
  oid: z.string().optional(),
  lfs: z.object({ oid: z.string(), size: z.int().nonnegative() }).optional(),
});

function readEntry(value: unknown): HubFile | undefined {
  const entry = entrySchema.safeParse(value);
  if (!entry.success) return undefined;
  const { path: name, lfs } = entry.data;
  const hex = lfs?.oid ?? entry.data.oid ?? "";
  if (!(lfs === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(hex)) return undefined;
  return {
    name,
    size: lfs?.size ?? entry.data.size,
    hash: { kind: lfs === undefined ? "git-sha1" : "sha256", hex },
  };
}

/** @throws PithError "hub" for text that is not JSON, or exceeds any reasonable size. */
function parseAnswer(url: string, text: string): unknown {
  const found = readJson(text);
  if (found.kind === "value") return found.value;
  const predicate = found.kind === "syntax" ? `is ${found.fault}` : found.fault;
  throw hubError(url, `the answer ${predicate}.`, "Check that HF_ENDPOINT is the address of a hub.");
}
