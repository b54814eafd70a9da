/** The built command line, from the demo to a killed search. */

import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { rankings } from "../src/discovery/rankings/index.ts";
import type { CircuitJson } from "../src/export/circuit-format-2.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import type { CircuitFile } from "../src/index.ts";
import { changeCircuit } from "./support/change-circuit.ts";
import { fewPrompts } from "./support/few-prompts.ts";
import { home, runCli, startCli, waitForDecisions, withFolder } from "./support/run-cli.ts";

const PROMPT = "Then, Marcus and Justin went to the library. Marcus gave a snack to";

function readCircuit(directory: string): CircuitFile {
  return parseCircuitFile(JSON.parse(readFileSync(join(directory, "circuit.json"), "utf8")));
}

/** What a search decides; not what was measured by the clock. */
function decided(directory: string): Pick<CircuitFile, "kept" | "search"> {
  const { kept, search } = readCircuit(directory);
  return { kept, search };
}

describe("the demo", () => {
  const shared = withFolder();
  const circuit = join(shared.path, "pith-out", "nano-ioi");
  let report = "";
  beforeAll(async () => {
    const result = await runCli(["extract"], shared.path);
    expect(result).toMatchObject({ code: 0, signal: null });
    report = result.stdout;
  });
  afterAll(shared.remove);

  test("reports what was kept, how good it is, how large and how fast, and what to do next", () => {
    expect(report).toContain(" layer  0 1 2 3 4 5  MLP");
    expect(report).toMatch(/kept +11 of 36 heads and 4 of 6 MLPs/);
    expect(report).toMatch(/accuracy +100\.0 % → 99\.3 % on 150 test prompts/);
    expect(report).toMatch(/KL +\d\.\d+ nats on the test prompts/);
    expect(report).toMatch(/parameters +body 2,654,208 → 1,449,984 \(−45\.4 %\)/);
    expect(report).toMatch(/weights +6\.21 MB → \d\.\d+ MB/);
    expect(report).toMatch(/time +[\d.]+ ms → [\d.]+ ms per prompt/);
    expect(report).toContain(circuit);
    // The command goes on in the next line where it would be wider than the terminal.
    expect(report).toMatch(/next\n +\S.* run pith-out\/nano-ioi(?: \\\n +| )--prompt '/);
    expect(report).not.toContain("\u001b");
  });

  test("the bytes that it tells are the file's", () => {
    const { metrics } = readCircuit(circuit);
    expect(statSync(join(circuit, "onnx", "model.onnx_data")).size).toBe(metrics.bytes.circuit);
    expect(statSync(resolve("models/nano/model.safetensors")).size).toBe(metrics.bytes.original);
  });

  test("nothing but the circuit is left beside it", () => {
    expect(readdirSync(join(shared.path, "pith-out"))).toEqual(["nano-ioi"]);
  });

  test("nothing is written to the user's home: ONNX Runtime's telemetry would leave a device id there", () => {
    expect(readdirSync(home)).toEqual([]);
  });

  test("a second time it needs --force, and then replaces the folder", async () => {
    const before = decided(circuit);
    writeFileSync(join(circuit, "old.txt"), "");
    expect(await runCli(["extract"], shared.path)).toMatchObject({ code: 2 });
    expect(readdirSync(circuit)).toContain("old.txt");
    expect(await runCli(["extract", "--force"], shared.path)).toMatchObject({ code: 0 });
    expect(readdirSync(circuit)).not.toContain("old.txt");
    expect(decided(circuit)).toEqual(before);
  });

  test("run: the likeliest tokens first", async () => {
    const plain = await runCli(["run", circuit, "--prompt", PROMPT], shared.path);
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(plain.stdout.split("\n")).toHaveLength(6);
    expect(plain.stdout).toMatch(/^ " Justin" +\d\d\.\d %/);
    const json = await runCli(["run", circuit, "--prompt", PROMPT, "--top", "2194", "--json"], shared.path);
    const { predictions } = oneObject(json.stdout) as {
      predictions: { probability: number; text: string }[];
    };
    expect(predictions[0]?.text).toBe(" Justin");
    expect(predictions.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
  });

  test("inspect tells what the extraction told", async () => {
    const plain = await runCli(["inspect", circuit], shared.path);
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(plain.stdout.split("\n").slice(0, 12)).toEqual(report.split("\n").slice(0, 12));
    const json = await runCli(["inspect", circuit, "--json"], shared.path);
    const written = readFileSync(join(circuit, "circuit.json"), "utf8");
    expect(oneObject(json.stdout)).toEqual({ folder: circuit, ...JSON.parse(written) });
  });

  test("eval finds the embedded original, and measures what the extraction measured", async () => {
    const { stdout, code } = await runCli(["eval", circuit, "--json"], shared.path);
    expect(code).toBe(0);
    const { splits } = oneObject(stdout) as {
      splits: Record<string, { accuracy: number; originalAccuracy: number; kl: number }>;
    };
    const { accuracy, kl } = readCircuit(circuit).metrics;
    for (const split of ["validation", "test"] as const) {
      expect(splits[split]?.accuracy).toBe(accuracy[split]?.circuit);
      expect(splits[split]?.originalAccuracy).toBe(accuracy[split]?.original);
      expect(splits[split]?.kl).toBeCloseTo(kl[split] ?? Number.NaN, 6);
    }
    const plain = await runCli(["eval", circuit], shared.path);
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(plain.stdout).toMatch(/test +accuracy 100\.0 % → 99\.3 % on 150 prompts/);
  });

  test("eval of a circuit whose original is not at hand says so, and leaves the KL out", async () => {
    const orphan = join(shared.path, "orphan");
    cpSync(circuit, orphan, { recursive: true });
    await changeCircuit(orphan, ({ model, ...file }) => {
      const files = model.files.map((each) => ({ ...each, sha256: "0".repeat(64) }));
      return { ...file, model: { ...model, name: "gone", files } };
    });
    const { stdout, stderr, code } = await runCli(["eval", orphan], shared.path);
    expect(code).toBe(0);
    expect(stderr).toMatch(/original is not at hand/);
    expect(stdout).toMatch(/test +accuracy 99\.3 % on 150 prompts\n/);
    expect(stdout).not.toMatch(/KL/);
  });

  test("a reader that goes away is no error", async () => {
    const result = await runCli(["inspect", circuit], shared.path, '"$@" | head -c 1 > /dev/null');
    expect(result).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("--json", () => {
  const folder = withFolder();
  afterAll(folder.remove);

  test("extract prints one object, and no word besides", async () => {
    writeFileSync(join(folder.path, "few.jsonl"), await fewPrompts(30));
    const kind = ["--no-mlps", "--ablation", "zero", "--means", "pooled", "--alpha", "0.05", "--bos"];
    const args = ["extract", "--task", "few.jsonl", ...kind, "--out", "out", "--json"];
    const { stdout, code } = await runCli(args, folder.path);
    expect(code).toBe(0);
    const printed = oneObject(stdout) as {
      folder: string;
      circuit: CircuitJson;
      timing: unknown;
      seconds: number;
    };
    expect(parseCircuitFile(printed.circuit)).toEqual(readCircuit(join(folder.path, "out")));
    expect(printed.circuit).toMatchObject({
      // nano's heads, whatever a layer keeps: other tools derive no other number.
      profile: { kind: "decoder", cacheHeads: 6 },
      search: { name: "greedy", options: { alpha: 0.05, passes: 1, order: "published" } },
      onTrial: ["head"],
      replacement: { ablation: "zero", means: "pooled" },
      task: { seed: 0, bos: true },
    });
    expect(printed.circuit.kept.map(({ layer, mlp }) => [layer, mlp])).toEqual(
      [0, 1, 2, 3, 4, 5].map((layer) => [layer, true]),
    );
    expect(printed.seconds).toBeGreaterThan(0);
  });
});

/** Numbers of decisions after which a search is interrupted: the others as well with PITH_GOLDENS=all. */
const atMoments = (usual: readonly number[], others: readonly number[]): readonly number[] =>
  process.env["PITH_GOLDENS"] === "all" ? [...usual, ...others] : usual;

describe("an interrupted search", () => {
  const whole = withFolder();
  const task = join(whole.path, "few.jsonl");
  const extract = ["extract", "--task", task, "--out", "out"];
  let folder: ReturnType<typeof withFolder>;
  beforeAll(async () => {
    writeFileSync(task, await fewPrompts(40));
    expect(await runCli(extract, whole.path)).toMatchObject({ code: 0 });
  });
  beforeEach(() => {
    folder = withFolder();
  });
  afterEach(() => folder.remove());
  afterAll(whole.remove);

  const resumes = async () => {
    expect(readdirSync(folder.path)).not.toContain("out");
    expect(await runCli([...extract, "--resume"], folder.path)).toMatchObject({ code: 0 });
    expect(decided(join(folder.path, "out"))).toEqual(decided(join(whole.path, "out")));
    // What the killed run had begun is cleared away as well.
    expect(readdirSync(folder.path)).toEqual(["out"]);
  };

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test.each(signal === "SIGINT" ? atMoments([30], [1]) : [12])(
      `${signal} after %i decisions: exit code 130, the command to go on with, no folder`,
      async (decisions) => {
        const { child, result } = startCli(extract, folder.path);
        await waitForDecisions(folder.path, "out", decisions);
        child.kill(signal);
        const { code, signal: by, stdout, stderr } = await result;
        expect({ code, by, stdout }).toEqual({ code: 130, by: null, stdout: "" });
        expect(stderr).toMatch(
          /interrupted; go on with:\n {2}\S.* extract --task \S+few\.jsonl --out out --resume\n$/,
        );
        expect(stderr).not.toMatch(/^\s+at /m);
        await resumes();
      },
    );
  }

  test.each(atMoments([20], [0, 41]))("kill -9 after %i decisions", async (decisions) => {
    const { child, result } = startCli(extract, folder.path);
    await waitForDecisions(folder.path, "out", decisions);
    child.kill("SIGKILL");
    expect(await result).toMatchObject({ code: null, signal: "SIGKILL" });
    await resumes();
  });

  test("killed over and over, it still ends in the same circuit", async () => {
    for (const decisions of [3, 9, 10, 24, 38]) {
      const { child, result } = startCli(extract, folder.path);
      await waitForDecisions(folder.path, "out", decisions);
      child.kill("SIGKILL");
      await result;
    }
    await resumes();
  });

  test("a second signal kills at once", async () => {
    const { child, result } = startCli(extract, folder.path);
    await waitForDecisions(folder.path, "out", 2);
    child.kill("SIGINT");
    child.kill("SIGINT");
    child.kill("SIGTERM");
    const { code, signal } = await result;
    // The first may have ended it before the second came.
    expect(signal === null ? code : signal).toSatisfy((end) => [130, "SIGINT", "SIGTERM"].includes(end));
    expect(readdirSync(folder.path)).not.toContain("out");
  });

  test("--resume with other options is refused, and the journal kept", async () => {
    const { child, result } = startCli(extract, folder.path);
    await waitForDecisions(folder.path, "out", 2);
    child.kill("SIGKILL");
    await result;
    const journal = readFileSync(join(folder.path, ".out.journal.jsonl"), "utf8");
    const refused = await runCli([...extract, "--alpha", "0.5", "--resume"], folder.path);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(/another model, task or options/);
    expect(readFileSync(join(folder.path, ".out.journal.jsonl"), "utf8")).toBe(journal);
  });
});

test("help and version go to stdout", async () => {
  const folder = withFolder();
  try {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(await runCli(["--version"], folder.path)).toMatchObject({
      code: 0,
      stdout: `${version}\n`,
      stderr: "",
    });
    for (const words of [["--help"], ["help"], ["extract", "--help"], ["help", "eval"]]) {
      const { code, stdout, stderr } = await runCli(words, folder.path);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^Usage: pith/);
    }
    expect((await runCli(["extract", "--help"], folder.path)).stdout).toContain(
      "Example:\n  $ pith extract ",
    );
    const rankHelp = (await runCli(["rank", "--help"], folder.path)).stdout;
    for (const { name, estimates } of rankings)
      expect(rankHelp.replaceAll(/\s+/g, " ")).toContain(`${name} ${estimates}`);
  } finally {
    folder.remove();
  }
});

/** @throws where stdout is anything but one JSON object in one line. */
function oneObject(stdout: string): object {
  expect(stdout).toMatch(/^\{[^\n]*\}\n$/);
  return JSON.parse(stdout) as object;
}

describe("the built-in tasks", () => {
  const shared = withFolder();
  afterAll(shared.remove);

  test("are listed, shown with token boundaries, and written as task files that extract takes", async () => {
    const list = await runCli(["tasks"], shared.path);
    expect(list).toMatchObject({ code: 0 });
    for (const name of ["ioi", "greater-than", "acronyms"]) expect(list.stdout).toContain(name);
    const shown = await runCli(["tasks", "show", "ioi"], shared.path);
    expect(shown.stdout).toMatch(/\|Then\|,\| \w+\| and\| \w+\| went\| to\|/);
    const written = await runCli(["tasks", "write", "greater-than", "task.jsonl"], shared.path);
    expect(written).toMatchObject({ code: 0 });
    const again = await runCli(["tasks", "write", "greater-than", "task.jsonl"], shared.path);
    expect(again).toMatchObject({ code: 2 });
    expect(again.stderr).toContain("task.jsonl: exists already");
    const extracted = await runCli(
      ["extract", "--task", "task.jsonl", "--out", "out", "--json"],
      shared.path,
    );
    expect(JSON.parse(extracted.stdout).circuit.metrics.accuracy.test.original).toBe(1);
  });

  test("an unknown one is refused by name", async () => {
    const result = await runCli(["tasks", "show", "nope"], shared.path);
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain("nope: there is no such file, and no built-in task of that name");
  });
});

describe("eval on the task file of the circuit", () => {
  const shared = withFolder();
  afterAll(shared.remove);

  test("an unsplit file is split as it was at extraction; without a file, only the demo's circuit has one", async () => {
    const lines = (await fewPrompts(30))
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly prompt: string; readonly answers?: readonly string[] })
      .filter(({ answers }) => answers !== undefined)
      .map(({ prompt, answers }) => JSON.stringify({ prompt, answers }));
    writeFileSync(join(shared.path, "unsplit.jsonl"), `${lines.join("\n")}\n`);
    expect(
      await runCli(["extract", "--task", "unsplit.jsonl", "--out", "out", "--seed", "3"], shared.path),
    ).toMatchObject({ code: 0 });
    const { task, metrics } = readCircuit(join(shared.path, "out"));
    const result = await runCli(["eval", "out", "--task", "unsplit.jsonl", "--json"], shared.path);
    const { splits } = JSON.parse(result.stdout);
    expect(splits.test.examples).toBe(task.examples.test);
    expect(splits.test.accuracy).toBe(metrics.accuracy.test?.circuit);
    expect(splits.validation.examples).toBe(task.examples.validation);

    const without = await runCli(["eval", "out"], shared.path);
    expect(without).toMatchObject({ code: 2 });
    expect(without.stderr).toContain('this circuit was cut for the task "unsplit"');
  });
});
