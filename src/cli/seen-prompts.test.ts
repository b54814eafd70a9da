import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CircuitFile } from "../export/circuit-file.ts";
import { readTask } from "../jobs/read-task.ts";
import { formatTaskFile } from "../tasks/format-task-file.ts";
import { loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { countSeen, seenNote } from "./seen-prompts.ts";

let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-seen-"));
  tokenizer = await loadTokenizer("models/nano");
});
afterAll(() => rm(folder, { recursive: true }));

/** As much of a circuit file as is asked here. */
const circuitOf = (name: string, sha256: string) =>
  ({ task: { name, sha256, seed: 0 }, replacement: { means: "aligned" } }) as unknown as CircuitFile;

test("prompts of the circuit's own built-in task are counted, whatever split a file gives them", async () => {
  const own = await readTask("ioi", { tokenizer, seed: 0, means: "aligned" });
  const circuit = circuitOf("ioi", own.sha256);
  const of = (split: string, count: number) =>
    own.examples.filter((example) => example.split === split && example.answers.length > 0).slice(0, count);
  const some = [...of("validation", 3), ...of("test", 2)].map((example) => ({
    ...example,
    split: "test" as const,
  }));
  const path = join(folder, "subset.jsonl");
  await writeFile(path, formatTaskFile(some));
  const subset = await readTask(path);
  const overlap = await countSeen({ circuit, tokenizer }, subset);
  expect(overlap).toEqual({ seen: 3, all: 5 });
  expect(overlap && seenNote(overlap, subset, "ioi")).toMatch(
    /^3 of the 5 prompts of .*subset\.jsonl are among/,
  );
  expect(await countSeen({ circuit, tokenizer }, own)).toBeUndefined();

  const other = await readTask("ioi", { tokenizer, seed: 77, means: "aligned" });
  expect((await countSeen({ circuit, tokenizer }, other))?.all).toBe(450);

  const unknown = await countSeen({ circuit: circuitOf("mine", "0".repeat(64)), tokenizer }, subset);
  expect(unknown).toEqual({ seen: undefined, all: 5 });
  expect(unknown && seenNote(unknown, subset, "mine")).toContain("is not known");
  expect(seenNote({ seen: 0, all: 5 }, subset, "ioi")).toBeUndefined();
});
