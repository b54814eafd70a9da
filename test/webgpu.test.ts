/**
 * The other device: everything that runs on the processor runs through WebGPU too, and says the same.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Prediction } from "../src/export/ask-circuit.ts";
import type { CircuitJson } from "../src/export/circuit-format-2.ts";
import { type SoftwareCard, softwareCard } from "./support/software-card.ts";

const directory = mkdtempSync(join(tmpdir(), "pith-webgpu-"));
const task = join(directory, "task.jsonl");
let software: SoftwareCard;

beforeAll(async () => {
  software = await softwareCard();
  const words = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const lines = [0, 1, 2, 3, 4, 5].map((first) => ({
    prompt: [0, 1, 2]
      .map((step) => words[(first + step) % 7])
      .join(", ")
      .concat(","),
    answers: [` ${words[(first + 3) % 7]}`],
    split: ["patching", "validation", "test"][first % 3],
  }));
  writeFileSync(task, lines.map((line) => JSON.stringify(line)).join("\n"));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param card whether the process finds one. */
function pith(words: readonly string[], card: boolean): Promise<Answer> {
  const { LD_LIBRARY_PATH: _, VK_ICD_FILENAMES: __, VK_DRIVER_FILES: ___, ...environment } = process.env;
  const child = spawn(process.execPath, [resolve("dist/cli.js"), ...words, "--json"], {
    env: card
      ? { ...environment, LD_LIBRARY_PATH: software.libraries, VK_ICD_FILENAMES: software.driver }
      : { ...environment, VK_ICD_FILENAMES: join(directory, "none.json") },
  });
  const texts = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      texts[stream] += text;
    });
  }
  return new Promise((done, fail) => {
    child.once("error", fail).once("close", (code) => done({ code, ...texts }));
  });
}

describe("--device webgpu", () => {
  const extract = (device: string) => {
    const out = join(directory, device);
    return pith(
      ["extract", "--task", task, "--no-mlps", "--alpha", "0.05", "--out", out, "--device", device],
      device === "webgpu",
    );
  };

  it("decides as the processor does, ships what it verified there, and predicts the same", async () => {
    const [onCpu, onCard] = [await extract("cpu"), await extract("webgpu")];
    expect(onCard.stderr).not.toContain("rror");
    expect([onCpu.code, onCard.code]).toEqual([0, 0]);
    const [a, b] = [onCpu, onCard].map(
      ({ stdout }) => (JSON.parse(stdout) as { circuit: CircuitJson }).circuit,
    );
    if (a === undefined || b === undefined) throw new Error("no circuits");
    expect(b.kept).toEqual(a.kept);
    expect(b.search.trace).toHaveLength(36);
    for (const [index, { kl, pruned }] of b.search.trace.entries()) {
      expect(pruned).toBe(a.search.trace[index]?.pruned);
      expect(Math.abs(kl - (a.search.trace[index]?.kl ?? Number.NaN))).toBeLessThan(1e-4);
    }

    const run = async (device: string) => {
      const words = [
        "run",
        join(directory, "cpu"),
        "--prompt",
        "Friday, Saturday, Sunday,",
        "--device",
        device,
      ];
      const answer = await pith(words, device === "webgpu");
      expect(answer.code).toBe(0);
      return (JSON.parse(answer.stdout) as { predictions: readonly Prediction[] }).predictions;
    };
    const [cpu, card] = [await run("cpu"), await run("webgpu")];
    expect(card.map(({ text }) => text)).toEqual(cpu.map(({ text }) => text));
    for (const [index, { logit }] of card.entries()) {
      expect(Math.abs(logit - (cpu[index]?.logit ?? Number.NaN))).toBeLessThan(1e-3);
    }
  });

  it("without a card it says so, and what to do", async () => {
    const words = [
      "run",
      join(directory, "cpu"),
      "--prompt",
      "Friday, Saturday, Sunday,",
      "--device",
      "webgpu",
    ];
    const { code, stderr } = await pith(words, false);
    expect(code).not.toBe(0);
    expect(stderr).toContain("no graphics card answers through WebGPU");
    // A line "at …" of Dawn's own warning may stand there; one of ours may not.
    expect(stderr).not.toMatch(/\.[cm]?[jt]s:\d+/);
  });
});
