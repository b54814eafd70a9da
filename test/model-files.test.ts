/**
 * Models as users have them, through the built command line: a GGUF file is found again as a circuit's original, and
 * another one is told apart; what a config's notes say is said; files that are missing, or are none, are named.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli, withFolder } from "./support/run-cli.ts";

let folder: ReturnType<typeof withFolder>;
beforeAll(() => {
  folder = withFolder();
});
afterAll(() => folder.remove());

const task = (family: string) => resolve("test/families", family, "task.jsonl");
const at = (name: string) => join(folder.path, name);
const cli = (...args: readonly string[]) => runCli(args, folder.path);

describe("a circuit of a GGUF file", () => {
  beforeAll(async () => {
    mkdirSync(at("models"));
    copyFileSync("test/gguf/qwen2.gguf", at("models/mine.gguf"));
    const made = await cli(
      ...["extract", "--model", "models/mine.gguf", "--task", task("qwen2"), "--alpha", "0.1"],
      ...["--out", "circuit", "--threads", "1", "--json"],
    );
    expect([made.code, made.stderr]).toEqual([0, expect.anything()]);
    const { model } = JSON.parse(made.stdout).circuit;
    expect([model.name, model.files.map(({ name }: { name: string }) => name)]).toEqual([
      "mine",
      ["mine.gguf"],
    ]);
  });
  const evaluate = (...more: readonly string[]) =>
    cli("eval", "circuit", "--task", task("qwen2"), "--json", ...more);

  test("its original is found again where it was", async () => {
    const { code, stdout, stderr } = await evaluate();
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout).splits.validation.kl).toBeGreaterThanOrEqual(0);
  });

  test("a file with other weights is another model", async () => {
    const bytes = readFileSync(at("models/mine.gguf"));
    // The last weight, a float32 or bfloat16 whose low bits change.
    bytes.writeUInt8((bytes.at(-2) ?? 0) ^ 1, bytes.length - 2);
    mkdirSync(at("changed"));
    writeFileSync(at("changed/mine.gguf"), bytes);
    const changed = ["--model", "changed/mine.gguf"];
    const evaluated = await evaluate(...changed);
    expect(evaluated.code).toBe(0);
    expect(evaluated.stderr).toMatch(/changed\/mine\.gguf has other weight files than the model/);
    const reported = await cli(
      ...["report", "circuit", "--task", task("qwen2"), "--out", "r.html", ...changed],
    );
    expect(reported.code).toBe(0);
    expect(reported.stderr).toMatch(/mine has other weight files than the model that circuit was cut from/);
    const compiled = await cli(
      "compile",
      "circuit",
      "--task",
      task("qwen2"),
      "--out",
      "compiled",
      ...changed,
    );
    expect([compiled.code, compiled.stderr]).toEqual([2, expect.stringContaining("mine has other weights")]);

    // In the place of the original, it is not taken for it.
    renameSync(at("models/mine.gguf"), at("models/kept.gguf"));
    copyFileSync(at("changed/mine.gguf"), at("models/mine.gguf"));
    expect((await evaluate()).stderr).toMatch(/The original is not at hand/);
    renameSync(at("models/kept.gguf"), at("models/mine.gguf"));
  });

  test.each(["eval", "report", "compile", "convert", "bench"])(
    "help of %s names GGUF files",
    async (name) => {
      expect((await cli(name, "--help")).stdout.replace(/\s+/g, " ")).toContain("a GGUF file");
    },
  );
});

test("what the config's notes say is printed, and stands in --json", async () => {
  cpSync("test/families/llama", at("scaled"), { recursive: true });
  const config = JSON.parse(readFileSync(at("scaled/config.json"), "utf8"));
  writeFileSync(
    at("scaled/config.json"),
    JSON.stringify({ ...config, rope_scaling: { type: "dynamic", factor: 2 } }),
  );
  const { code, stdout, stderr } = await cli(
    ...["extract", "--model", "scaled", "--task", task("llama"), "--alpha", "1", "--no-mlps"],
    ...["--out", "scaled-circuit", "--threads", "1", "--json"],
  );
  expect(code).toBe(0);
  const note = expect.stringMatching(/dynamic.*turns as without scaling up to 64 tokens/);
  expect(stderr).toEqual(note);
  expect(JSON.parse(stdout).circuit.model.notes).toEqual([note]);
});

describe("files that are no model", () => {
  const fault = async (name: string) => {
    const { code, stdout, stderr } = await cli("extract", "--model", name, "--out", "none");
    expect([code, stdout]).toEqual([2, ""]);
    return stderr;
  };

  test("a part that is missing is named", async () => {
    mkdirSync(at("parts"));
    const part = (number: number) => `gpt2-0000${number}-of-00003.gguf`;
    for (const number of [1, 3])
      copyFileSync(join("test/gguf/split", part(number)), join(at("parts"), part(number)));
    expect(await fault(`parts/${part(1)}`)).toMatch(
      /parts\/gpt2-00002-of-00003\.gguf: is missing: it is part 2 of 3 of this model\. Put all parts/,
    );
  });

  test.skipIf(process.platform === "win32")("a pipe is no file, and is not waited for", async () => {
    execFileSync("mkfifo", [at("pipe.gguf")]);
    expect(await fault("pipe.gguf")).toMatch(
      /pipe\.gguf: this is neither a folder nor a file, but a pipe or a device\. .*write it to a file/,
    );
  });
});
