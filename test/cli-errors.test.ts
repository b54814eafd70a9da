/**
 * Bad input, each kind through the built command line: exit code 2, the place named in one line, no stack, and
 * no folder left behind.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copyNano, editHeader, editJson, editWeights, entry } from "./support/damaged-model.ts";
import { type CliResult, runCli, withFolder } from "./support/run-cli.ts";

let folder: ReturnType<typeof withFolder>;
beforeEach(() => {
  folder = withFolder();
});
afterEach(() => folder.remove());

const ioiLines = readFileSync(resolve("models/nano/tasks/ioi.jsonl"), "utf8").trimEnd().split("\n");

function expectFailure(result: CliResult, ...patterns: readonly RegExp[]): void {
  expect(result).toMatchObject({ code: 2, signal: null, stdout: "" });
  expect(result.stderr).toMatch(/^error: /m);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  for (const pattern of patterns) expect(result.stderr).toMatch(pattern);
  expect(readdirSync(folder.path).filter((name) => name.includes("out"))).toEqual([]);
}

describe("a damaged model", () => {
  const cases: readonly (readonly [name: string, damage: (model: string) => void, pattern: RegExp])[] = [
    [
      "cut short in the header",
      (model) => editWeights(model, (bytes) => bytes.subarray(0, 100)),
      /model\.safetensors/,
    ],
    [
      "cut short in the data",
      (model) => editWeights(model, (bytes) => bytes.subarray(0, 1_000_000)),
      /model\.safetensors/,
    ],
    ["an empty file", (model) => editWeights(model, () => Buffer.alloc(0)), /model\.safetensors/],
    [
      "a header that says to be longer than the file",
      (model) =>
        editWeights(model, (bytes) => {
          bytes.writeBigUInt64LE(2n ** 40n, 0);
          return bytes;
        }),
      /model\.safetensors/,
    ],
    [
      "tensors that overlap",
      (model) =>
        editHeader(model, (header) => {
          entry(header, "h.1.ln_1.bias").data_offsets = entry(header, "h.0.ln_1.bias").data_offsets;
        }),
      /model\.safetensors.*tensor "(h\.0\.ln_1\.bias|h\.1\.ln_1\.bias)"/,
    ],
    [
      "a tensor beyond the file's end",
      (model) =>
        editHeader(model, (header) => {
          const tensor = entry(header, "h.1.ln_1.bias");
          tensor.data_offsets = [10 ** 12, 10 ** 12 + 2 * 192];
        }),
      /model\.safetensors.*tensor "h\.1\.ln_1\.bias"/,
    ],
    [
      "a dtype that is none",
      (model) =>
        editHeader(model, (header) => {
          entry(header, "h.2.mlp.c_fc.weight").dtype = "F7";
        }),
      /model\.safetensors.*tensor "h\.2\.mlp\.c_fc\.weight".*F7/,
    ],
    [
      "a missing tensor",
      (model) =>
        editHeader(model, (header) => {
          header["h.3.attn.c_proj.surplus"] = entry(header, "h.3.attn.c_proj.weight");
          delete header["h.3.attn.c_proj.weight"];
        }),
      /h\.3\.attn\.c_proj\.(weight|surplus)/,
    ],
    [
      "a shape that config.json contradicts",
      (model) =>
        editHeader(model, (header) => {
          entry(header, "h.0.mlp.c_fc.weight").shape = [768, 192];
        }),
      /h\.0\.mlp\.c_fc\.weight.*768/,
    ],
    [
      "another family",
      (model) =>
        editJson(join(model, "config.json"), (config) => {
          config["model_type"] = "mamba";
          config["architectures"] = ["MambaForCausalLM"];
        }),
      /config\.json.*mamba/,
    ],
    [
      "a matrix that nanoGPT stores the other way round",
      (model) =>
        editHeader(model, (header) => {
          entry(header, "h.0.attn.c_attn.weight").shape.reverse();
        }),
      /tensor "h\.0\.attn\.c_attn\.weight": .*transposed.*nanoGPT.*\.t\(\)/,
    ],
    [
      "NaN in a weight, long before a search ends",
      (model) => {
        let begin = 0;
        editHeader(model, (header) => {
          [begin] = entry(header, "h.3.mlp.c_proj.weight").data_offsets;
        });
        editWeights(model, (bytes) => {
          const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
          bytes.writeUInt16LE(0x7e00, dataStart + begin + 2 * 1000);
          return bytes;
        });
      },
      /model\.safetensors, tensor "h\.3\.mlp\.c_proj\.weight": element 1000 is NaN/,
    ],
    [
      "a PEFT adapter",
      (model) => {
        rmSync(join(model, "model.safetensors"));
        rmSync(join(model, "config.json"));
        writeFileSync(join(model, "adapter_config.json"), "{}");
      },
      /PEFT \(LoRA\) adapter, not a whole model\. Merge it first/,
    ],
    [
      "weights as a pickle",
      (model) => renameSync(join(model, "model.safetensors"), join(model, "pytorch_model.bin")),
      /pytorch_model\.bin only, a format that can run code\. Convert/,
    ],
    [
      "a circuit that Pith made",
      (model) => {
        rmSync(join(model, "model.safetensors"));
        writeFileSync(join(model, "circuit.json"), "{}");
      },
      /holds a circuit that Pith made, not the model/,
    ],
    ["config.json is no JSON", (model) => writeFileSync(join(model, "config.json"), "{"), /config\.json/],
    [
      "more tokens than embeddings",
      (model) =>
        editJson(join(model, "vocab.json"), (vocabulary) => {
          for (let id = 2194; id < 2300; id++) vocabulary[`surplus${id}`] = id;
        }),
      /2300.*2194|2194.*2300/s,
    ],
  ];
  test.each(cases)("%s", async (_, damage, pattern) => {
    const model = copyNano(join(folder.path, "model"));
    damage(model);
    const result = await runCli(["extract", "--model", model, "--out", "out"], folder.path);
    expectFailure(result, pattern);
  });

  test("no such folder, and no such name while offline", async () => {
    expectFailure(await runCli(["extract", "--model", "./nowhere", "--out", "out"], folder.path), /nowhere/);
    expectFailure(
      await runCli(["extract", "--model", "nowhere.gguf", "--out", "out"], folder.path),
      /nowhere\.gguf: there is no such file/,
    );
    expectFailure(
      await runCli(["extract", "--model", "some/model", "--out", "out"], folder.path),
      /some\/model.*HF_HUB_OFFLINE/,
    );
  });
});

describe("a bad task", () => {
  const withLine = (line: number, text: string) => ioiLines.with(line - 1, text);
  const validation = ioiLines.findIndex((line) => line.includes('"validation"')) + 1;
  const example = {
    prompt: "Then, Marcus and Justin went to the library. Marcus gave a snack to",
    split: "validation",
  };
  const cases: readonly (readonly [
    name: string,
    lines: readonly string[],
    options: readonly string[],
    pattern: RegExp,
  ])[] = [
    ["a line that is no JSON", withLine(7, '{"prompt": "Then'), [], /task\.jsonl:7: /],
    [
      "a prompt of another length",
      withLine(
        validation,
        JSON.stringify({ ...example, prompt: `${example.prompt} the`, answers: [" Justin"] }),
      ),
      [],
      new RegExp(`task\\.jsonl:${validation}: .*16`),
    ],
    [
      "a prompt beyond the context",
      withLine(validation, JSON.stringify({ ...example, prompt: "the ".repeat(70), answers: [" Justin"] })),
      ["--means", "pooled"],
      new RegExp(`task\\.jsonl:${validation}: .*64`),
    ],
    [
      "an answer of several tokens",
      withLine(validation, JSON.stringify({ ...example, answers: [" Justinian"] })),
      [],
      new RegExp(`task\\.jsonl:${validation}.*Just`),
    ],
    [
      "no validation examples",
      ioiLines.filter((line) => !line.includes('"validation"')),
      [],
      /task\.jsonl: .*validation/,
    ],
    [
      "no patching examples",
      ioiLines.filter((line) => !line.includes('"patching"')),
      [],
      /task\.jsonl: .*patching/,
    ],
    ["an empty file", [], [], /task\.jsonl: /],
  ];
  test.each(cases)("%s", async (_, lines, options, pattern) => {
    writeFileSync(join(folder.path, "task.jsonl"), lines.join("\n"));
    const result = await runCli(["extract", "--task", "task.jsonl", "--out", "out", ...options], folder.path);
    expectFailure(result, pattern);
  });

  test("no such file", async () => {
    expectFailure(
      await runCli(["extract", "--task", "none.jsonl", "--out", "out"], folder.path),
      /none\.jsonl/,
    );
  });
});

describe("bad options", () => {
  test.each([
    ["--alpha", "0"],
    ["--alpha", "-1"],
    ["--alpha", "NaN"],
    ["--alpha", "1e999"],
    ["--threads", "0"],
    ["--threads", "two"],
    ["--seed", "1.5"],
    ["--ablation", "noise"],
    ["--means", "none"],
    ["--order", "random"],
    ["--first-position", "last"],
  ])("%s %s", async (option, value) => {
    expectFailure(await runCli(["extract", "--out", "out", option, value], folder.path), new RegExp(option));
  });

  test("unknown commands and options, and arguments left out", async () => {
    expectFailure(await runCli(["extrac"], folder.path), /unknown command 'extrac'/);
    expectFailure(
      await runCli(["extract", "--aplha", "1"], folder.path),
      /--aplha.*\n.*Did you mean --alpha/,
    );
    expectFailure(await runCli(["run", "somewhere"], folder.path), /--prompt/);
    expectFailure(await runCli(["inspect"], folder.path), /dir/);
  });
});

describe("an error names the option or the file as it was given, and says what to do", () => {
  test.each<[string, readonly string[], RegExp]>([
    [
      "a size and a KL",
      ["extract", "--target-size", "0.2", "--max-kl", "0.1"],
      /"--target-size": can't go with --max-kl:/,
    ],
    [
      "a target and passes",
      ["extract", "--target-kl", "0.2", "--passes", "2"],
      /"--target-kl": can't go with --passes:/,
    ],
    [
      "a target and an early exit",
      ["extract", "--target-kl", "0.2", "--early-exit"],
      /"--target-kl": can't go with --early-exit:/,
    ],
    ["a frequency of nothing", ["extract", "--frequency", "0.5"], /"--frequency": .*--bootstrap 20/],
    [
      "a first position of aligned means",
      ["extract", "--first-position", "apart"],
      /"--first-position": is for pooled means: .*or give --means pooled/,
    ],
    [
      "a first position of zeros",
      ["extract", "--ablation", "zero", "--means", "pooled", "--first-position", "auto"],
      /"--first-position": is for mean ablation: .*Leave it out/,
    ],
    [
      "a first position of aligned means in a sweep",
      ["sweep", "--task", "ioi", "--first-position", "same"],
      /"--first-position": is for pooled means: /,
    ],
    [
      "a first position of zeros in a reproduction",
      ["reproduce", "--ablation", "zero", "--means", "pooled", "--first-position", "apart"],
      /"--first-position": is for mean ablation: /,
    ],
    ["a task twice", ["sweep", "--task", "ioi", "--task", "ioi"], /"--task": two tasks .*Give each once/],
    [
      "a head that is not the model's",
      ["sweep", "--task", "ioi", "--known", "k1.json"],
      /"--known": the known circuit k1 has the head 0\.9, .*Give a file with heads of this model/,
    ],
    [
      "another model's list",
      ["reproduce", "--task", "ioi", "--known", "ioi=ioi/26"],
      /"--known": the known circuit ioi\/26 is of GPT-2 small/,
    ],
    ["a list that is no list", ["sweep", "--known", "k3.json"], /k3\.json: not JSON.* Write \{"heads"/],
    ["no folder", ["report", "nodir"], /nodir: does not exist\. Give a folder that `pith extract` made/],
    [
      "a place that takes nothing",
      ["sweep", "--task", "ioi", "--out", "/proc/x"],
      /\/proc\/x: can't be made: nothing can be written to \/proc\. Choose/,
    ],
  ])("%s", async (_, args, pattern) => {
    writeFileSync(join(folder.path, "k1.json"), '{"heads": [[0, 9]]}');
    writeFileSync(join(folder.path, "k3.json"), "hello");
    expectFailure(await runCli(args, folder.path), pattern);
  });
});

describe("the output folder", () => {
  test("one that exists stays as it is, without --force", async () => {
    mkdirSync(join(folder.path, "there"));
    writeFileSync(join(folder.path, "there", "mine.txt"), "mine");
    const result = await runCli(["extract", "--out", "there"], folder.path);
    expectFailure(result, /there.*--force/);
    expect(readFileSync(join(folder.path, "there", "mine.txt"), "utf8")).toBe("mine");
  });

  test("a file where the folder should be", async () => {
    writeFileSync(join(folder.path, "file"), "");
    expectFailure(await runCli(["extract", "--out", "file/out"], folder.path), /file/);
  });

  // A file-size limit stands for the disk: the same write fails, in the middle of the weights.
  test("a full disk", async () => {
    const result = await runCli(["extract", "--out", "circuit"], folder.path, 'ulimit -f 2000; exec "$@"');
    expectFailure(result, /disk is full/);
    expect(readdirSync(folder.path).filter((name) => !name.endsWith(".journal.jsonl"))).toEqual([]);
  });
});

test("a folder that is no circuit", async () => {
  mkdirSync(join(folder.path, "empty"));
  for (const command of [["inspect"], ["eval"], ["run", "--prompt", "Then"]]) {
    expectFailure(await runCli([...command, "empty"], folder.path), /empty.*circuit\.json/);
    expectFailure(await runCli([...command, "missing"], folder.path), /missing/);
  }
});

describe("under --json an error is one JSON object on stdout, and a sentence on stderr", () => {
  interface Failure {
    readonly error: { readonly code: string; readonly message: string; readonly place?: object };
  }
  const failed = async (args: readonly string[]): Promise<Failure["error"]> => {
    const { code, stdout, stderr } = await runCli(args, folder.path);
    expect(code).toBe(2);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    const { error }: Failure = JSON.parse(stdout);
    expect(stderr).toContain(error.message);
    return error;
  };

  test("a fault of the input, with its place", async () => {
    const error = await failed(["inspect", "nowhere", "--json"]);
    expect(error).toMatchObject({ code: "circuit", place: { file: expect.stringContaining("nowhere") } });
  });

  test("a value that an option can't have", async () => {
    expect(await failed(["extract", "--alpha", "-1", "--json"])).toMatchObject({
      code: "options",
      place: { field: "--alpha" },
    });
  });

  test("an option that there is not", async () => {
    expect(await failed(["extract", "--json", "--alhpa", "1"])).toMatchObject({
      code: "usage",
      message: expect.stringContaining("--alhpa"),
    });
  });
});
