import { describe, expect, test } from "vitest";
import type { CircuitFile } from "../export/circuit-file.ts";
import { circuitOfLists } from "../transformer/circuit.ts";
import { terminalStyle } from "./terminal-style.ts";
import { circuitReport, evaluationReport, extractionReport, predictionsReport } from "./terminal-summary.ts";

const circuit: CircuitFile = {
  pith: "0.1.0",
  profile: { kind: "aligned", length: 15 },
  model: {
    name: "org/tiny",
    family: "gpt2",
    layers: 2,
    heads: [2, 2],
    width: 4,
    vocabulary: 10,
    context: 16,
    files: [{ name: "model.safetensors", bytes: 2000, sha256: "0".repeat(64) }],
  },
  task: {
    ...{ name: "ioi", sha256: "0".repeat(64), examples: { patching: 150, validation: 150, test: 1 } },
    ...{ seed: 0, bos: false },
  },
  search: {
    name: "greedy",
    options: { alpha: 0.02, passes: 1, order: "published" },
    trace: [
      { layer: 1, component: "head.0", kl: 0.01, delta: 0.01, pruned: true },
      { layer: 1, component: "head.1", kl: 0.02, delta: 0.01, pruned: true },
    ],
  },
  onTrial: ["head", "mlp"],
  replacement: { ablation: "mean", means: "aligned" },
  kept: circuitOfLists({ heads: [[0, 1]], mlps: [1] }),
  metrics: {
    accuracy: { validation: { original: 1, circuit: 0.9933 }, test: { original: 1, circuit: 1 } },
    kl: { validation: 0.1253, test: 0.1274 },
    parameters: {
      original: { body: 900, embedding: 100, bias: 0, total: 1000 },
      circuit: { body: 300, embedding: 100, bias: 0, total: 400 },
    },
    bytes: { original: 2100, circuit: 1700 },
    milliseconds: { original: 1.9, circuit: 0.8 },
    verified: 5.7e-6,
  },
};
const timing = {
  original: { median: 1.9, min: 1.8, max: 2.2, runs: 30 },
  circuit: { median: 0.8, min: 0.7, max: 0.95, runs: 30 },
  speed: { ratio: 2.37, interval: [2.21, 2.58], pairs: 30 } as const,
};
const extraction = {
  folder: "/home/me/pith-out/tiny-ioi",
  circuit,
  timing,
  threads: 2,
  seconds: 2.44,
  counters: { flops: 1, runs: 1 },
};
const context = { next: "pith run pith-out/tiny-ioi --prompt 'Then, Rose'" };
const wide = terminalStyle({ width: 80 });
const narrow = terminalStyle({ width: 40 });

describe("an extraction's report", () => {
  test("at 80 columns", () => {
    expect(`\n${extractionReport(extraction, context, wide)}\n`).toMatchInlineSnapshot(`
      "
       org/tiny on ioi
       mean ablation, α = 0.02, aligned means

              head
       layer  0 1   MLP
           1  · ·    ■
           0  · ●    ·

       ● ■ kept   · pruned
       kept        1 of 4 heads and 1 of 2 MLPs

       accuracy    100.0 % → 100.0 % on 1 test prompt
                   100.0 % → 99.3 % on 150 validation prompts
       KL          0.1274 nats on the test prompts
                   0.1253 nats on the validation prompts
       parameters  body 900 → 300 (−66.7 %)
                   all 1,000 → 400 (−60.0 %)
       weights     2.10 kB → 1.70 kB (−19.0 %): 16 bits a weight → 32
                   4.20 kB → 1.70 kB (−59.5 %) at 32 bits each
       checked     standalone and patched logits differ by 5.7e-6 at most
       time        1.90 ms → 0.800 ms per prompt, 2.4 times as fast (2.2 to 2.6)
                   medians of 30 runs each in ONNX Runtime, one at a time, 2 threads
                   from 1.80 ms to 2.20 ms → from 0.700 ms to 0.950 ms
       took        2.4 s for 2 candidates
       folder      /home/me/pith-out/tiny-ioi

       next
         pith run pith-out/tiny-ioi --prompt 'Then, Rose'
      "
    `);
  });

  test("at 40 columns, no line but a path or a command is longer", () => {
    const report = extractionReport(extraction, context, narrow);
    expect(`\n${report}\n`).toMatchInlineSnapshot(`
      "
       org/tiny on ioi
       mean ablation, α = 0.02, aligned means

              head
       layer  0 1   MLP
           1  · ·    ■
           0  · ●    ·

       ● ■ kept   · pruned
       kept
         1 of 4 heads and 1 of 2 MLPs

       accuracy
         100.0 % → 100.0 % on 1 test prompt
         100.0 % → 99.3 % on 150 validation
         prompts
       KL
         0.1274 nats on the test prompts
         0.1253 nats on the validation prompts
       parameters
         body 900 → 300 (−66.7 %)
         all 1,000 → 400 (−60.0 %)
       weights
         2.10 kB → 1.70 kB (−19.0 %): 16 bits
         a weight → 32
         4.20 kB → 1.70 kB (−59.5 %) at 32
         bits each
       checked
         standalone and patched logits differ
         by 5.7e-6 at most
       time
         1.90 ms → 0.800 ms per prompt, 2.4
         times as fast (2.2 to 2.6)
         medians of 30 runs each in ONNX
         Runtime, one at a time, 2 threads
         from 1.80 ms to 2.20 ms → from 0.700
         ms to 0.950 ms
       took
         2.4 s for 2 candidates
       folder
         /home/me/pith-out/tiny-ioi

       next
         pith run pith-out/tiny-ioi --prompt 'Then, Rose'
      "
    `);
    const long = report.split("\n").filter((line) => line.length > 40);
    expect(long.map((line) => line.trim())).toEqual([context.next]);
  });

  test("the test set comes before the validation set", () => {
    const report = extractionReport(extraction, context, wide);
    expect(report.indexOf("test prompt")).toBeLessThan(report.indexOf("validation prompt"));
  });

  test("a slower circuit is called slower", () => {
    const reported = (ratio: number, interval: readonly [number, number]) => {
      const speed = { ratio, interval, pairs: 30 };
      return extractionReport({ ...extraction, timing: { ...timing, speed } }, context, wide);
    };
    expect(reported(0.42, [0.4, 0.5])).toContain("2.4 times as slow (2.0 to 2.5)");
    expect(reported(1.5, [0.5, 2])).toMatch(
      /too noisy to tell which is faster\s+\(0.50 to 2.0 times as fast\)/,
    );
  });

  test("colour adds nothing that is not in the words", () => {
    const coloured = extractionReport(extraction, context, terminalStyle({ width: 80, colours: 2 }));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours begin with
    expect(coloured.replace(/\u001b\[[\d;]*m/g, "")).toBe(extractionReport(extraction, context, wide));
  });
});

test("a circuit's report; files of equal precision are compared without a word on precision", () => {
  const same = { ...circuit, metrics: { ...circuit.metrics, bytes: { original: 4100, circuit: 1700 } } };
  const { milliseconds: _, ...unmeasured } = { ...same.metrics, accuracy: {}, kl: {} };
  const report = circuitReport("out", { ...same, profile: { kind: "decoder" }, metrics: unmeasured }, wide);
  expect(`\n${report}\n`).toMatchInlineSnapshot(`
    "
     org/tiny on ioi
     mean ablation, α = 0.02, aligned means

            head
     layer  0 1   MLP
         1  · ·    ■
         0  · ●    ·

     ● ■ kept   · pruned
     kept        1 of 4 heads and 1 of 2 MLPs

     accuracy    not measured
     KL          not measured
     parameters  body 900 → 300 (−66.7 %)
                 all 1,000 → 400 (−60.0 %)
     weights     4.10 kB → 1.70 kB (−58.5 %)
     checked     standalone and patched logits differ by 5.7e-6 at most
     input       prompts of any length, with a key/value cache (decoder)
     folder      out
    "
  `);
});

test("an evaluation, with and without the original", () => {
  const subject = { directory: "out", task: "ioi", circuit };
  const split = { examples: 1, accuracy: 0.5 };
  const without = evaluationReport(
    subject,
    { splits: { patching: undefined, validation: undefined, test: split } },
    wide,
  );
  expect(`\n${without}\n`).toMatchInlineSnapshot(`
    "
     out on ioi

     test        accuracy 50.0 % on 1 prompt
     parameters  body 900 → 300 (−66.7 %)
                 all 1,000 → 400 (−60.0 %)
     weights     2.10 kB → 1.70 kB (−19.0 %): 16 bits a weight → 32
                 4.20 kB → 1.70 kB (−59.5 %) at 32 bits each
    "
  `);
  const compared = { ...split, originalAccuracy: 1, kl: 0.25 };
  const report = evaluationReport(
    subject,
    { splits: { patching: undefined, validation: compared, test: split } },
    wide,
  );
  expect(report).toMatch(
    /test .*\n validation +accuracy 100\.0 % → 50\.0 % on 1 prompt\n +KL .*0\.2500 nats/,
  );
});

test("predictions are quoted and aligned; bars only where there is room", () => {
  const predictions = [
    { id: 1, text: " Mary", probability: 0.75, logit: 3 },
    { id: 2, text: "\n", probability: 0.05, logit: 1 },
  ];
  expect(`\n${predictionsReport(predictions, wide)}\n`).toMatchInlineSnapshot(`
    "
     " Mary"   75.0 %  ■■■■■■■■■■■■■■■■■■■■■■■
     "\\n"       5.0 %  ■■
    "
  `);
  expect(predictionsReport(predictions, terminalStyle({ width: 24 }))).not.toContain("■");
});

test("an original that was too large to be timed as one graph has no time, and the reports say why", () => {
  const { milliseconds: _, ...metrics } = circuit.metrics;
  const untimed: CircuitFile = { ...circuit, metrics: { ...metrics, originalRun: "layer by layer" } };
  const said = [
    extractionReport({ ...extraction, circuit: untimed, timing: undefined }, context, wide),
    circuitReport("out", untimed, wide),
  ];
  for (const text of said) {
    expect(text).toMatch(/time +not taken: the original is too large for one graph\n +it was measured layer/);
    expect(text).not.toContain(" ms");
  }
});
