/** `pith rank` as a user meets it: tables, files, JSON, and mistakes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadModel } from "../src/jobs/load-model.ts";
import { type RankedModel, rank as rankModel } from "../src/jobs/rank/rank.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { scaled } from "../src/transformer/derive.ts";
import { runCli, withFolder } from "./support/run-cli.ts";

const folder = withFolder();
afterAll(folder.remove);
const rank = (...args: readonly string[]) => runCli(["rank", ...args], folder.path);

/** Few enough prompts to be quick. */
const lines = readFileSync("models/nano/tasks/ioi.jsonl", "utf8").trimEnd().split("\n");
const some = ["patching", "validation"].flatMap((split) =>
  lines.filter((line) => line.includes(`"split": "${split}"`)).slice(0, 12),
);
writeFileSync(join(folder.path, "few.jsonl"), some.join("\n"));

test("the Fisher ranking of nano's indirect objects, as a table and as CSV", async () => {
  const { code, stdout, stderr } = await rank("--task", "few.jsonl", "--out", "scores.csv", "--top", "3");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/ranking +fisher on few, nano, loss: kl/);
  expect(stdout).toMatch(/^ {4}1 {2}\S+ +\d/m);
  expect(stdout).toContain("and 39 more");
  const rows = readFileSync(join(folder.path, "scores.csv"), "utf8").trim().split("\n");
  expect(rows).toHaveLength(43);
  expect(rows[0]).toBe("rank,component,score");
  const scores = rows.slice(1).map((row) => Number(row.split(",")[2]));
  expect(scores).toEqual(scores.toSorted((one, other) => other - one));
  expect(scores.every((score) => score >= 0)).toBe(true);
});

test("neurons by WIFV, as JSON", async () => {
  const { code, stdout } = await rank("--task", "few.jsonl", "--ranking", "wifv", "--json");
  expect(code).toBe(0);
  const ranked = JSON.parse(stdout) as RankedModel;
  expect(ranked).toMatchObject({ ranking: "wifv", model: "nano", task: "few", seed: 0 });
  expect(ranked).not.toHaveProperty("loss");
  expect(ranked.components).toHaveLength(6 * 768);
  expect(ranked.components[0]?.component).toMatch(/^\d\.neuron\.\d+$/);
});

test("the logit difference needs distractors", async () => {
  const found = await rank("--task", "ioi", "--ranking", "nap", "--metric", "logit-difference", "--json");
  expect(found.code).toBe(0);
  const refused = await rank("--task", "few.jsonl", "--ranking", "nap", "--metric", "logit-difference");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("has no distractor");
});

test("scores that are not finite are refused", async () => {
  const nano = await loadModel();
  const { transformer } = nano;
  const finalNorm = { ...transformer.finalNorm, scale: scaled(transformer.finalNorm.scale, 1e45) };
  const broken = { ...nano, transformer: { ...transformer, finalNorm } };
  const task = await readTask("ioi", { tokenizer: nano.tokenizer });
  await expect(rankModel(broken, task, { ranking: "nap", threads: 1 })).rejects.toThrow(
    /scores are not finite/,
  );
  await nano.close();
});

test.each([
  [["--ranking", "nap", "--metric", "kl"], "is kl, but nap takes cross-entropy or logit-difference"],
  [["--ranking", "wifv", "--components", "heads"], "has heads, but wifv scores neurons"],
  [["--components", "heads,nerves"], 'has "nerves", which is no kind of components'],
  [["--ranking", "best"], "Allowed choices are"],
  [["--out", "."], "is not a file"],
])("%j is refused", async (args, words) => {
  const { code, stdout, stderr } = await rank(...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr.replace(/\s+/g, " ")).toContain(words);
});
