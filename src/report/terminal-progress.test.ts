import { describe, expect, test } from "vitest";
import type { PithEvent } from "../jobs/events.ts";
import { advance, noProgress, type ProgressState, progressBlock, progressLine } from "./terminal-progress.ts";
import { terminalStyle } from "./terminal-style.ts";

const plain = terminalStyle({ width: 80 });
const decision = (layer: number, component: string, pruned: boolean) => ({
  layer,
  component,
  kl: 0,
  delta: 0,
  pruned,
});
const searching: PithEvent = {
  kind: "search",
  layers: 2,
  headsPerLayer: [3, 3],
  candidates: 8,
  mlps: true,
  resumed: [decision(1, "head.0", true)],
};
const stateAfter = (...events: readonly (readonly [PithEvent, number])[]): ProgressState =>
  events.reduce((state, [event, now]) => advance(state, event, now), noProgress);

describe("the line", () => {
  test("before anything is known", () => {
    expect(progressLine(noProgress, 0)).toBe("starting");
  });

  test("a download counts bytes", () => {
    const progress = { file: "model.safetensors", fileDone: 1e6, fileTotal: 4e6, done: 1e6, total: 5e6 };
    expect(progressLine(stateAfter([{ kind: "download", progress }, 0]), 0)).toBe(
      "downloading, model.safetensors 1.00 MB of 5.00 MB",
    );
  });

  test("the search's speed counts what this run tried, not what the journal gave", () => {
    const state = stateAfter(
      [searching, 1000],
      [{ kind: "decision", decision: decision(1, "head.1", false), done: 2, total: 8 }, 2000],
      [{ kind: "decision", decision: decision(1, "head.2", true), done: 3, total: 8 }, 3000],
    );
    expect(progressLine(state, 3000)).toBe("searching, 3 of 8, 1.0/s, 5.0 s left");
  });

  test("a new step forgets how far the last one was", () => {
    const state = stateAfter(
      [{ kind: "progress", step: "activations", done: 3, total: 4 }, 0],
      [{ kind: "step", step: "export" }, 10],
    );
    expect(progressLine(state, 20)).toBe("writing the standalone model");
    expect(state.finished).toEqual(["activations"]);
  });
});

describe("the block", () => {
  const state = stateAfter(
    [searching, 0],
    [{ kind: "decision", decision: decision(1, "head.1", false), done: 2, total: 8 }, 500],
  );

  test("the map grows from the last layer down", () => {
    expect(`\n${progressBlock(state, plain, 1000, 24).join("\n")}\n`).toMatchInlineSnapshot(`
      "
              head
       layer  0 1 2  MLP
           1  · ● ○
           0

       searching, 2 of 8, 1.0/s, 6.0 s left
      "
    `);
  });

  test("fits the terminal, whatever its size, and shows the layer on trial", () => {
    const deep: PithEvent = {
      ...searching,
      headsPerLayer: Array(48).fill(25),
      candidates: 48 * 26,
      resumed: [],
    };
    const decisions = Array.from({ length: 26 * 20 }, (_, index): [PithEvent, number] => {
      const layer = 47 - Math.floor(index / 26);
      const component = index % 26 === 25 ? "mlp" : `head.${index % 26}`;
      return [
        { kind: "decision", decision: decision(layer, component, true), done: index + 1, total: 48 * 26 },
        1,
      ];
    });
    const state = stateAfter([deep, 0], ...decisions);
    for (const [width, rows] of [
      [80, 24],
      [40, 10],
      [20, 8],
    ] as const) {
      const block = progressBlock(state, terminalStyle({ width }), 1000, rows);
      expect(block.length).toBeLessThan(rows);
      expect(Math.max(...block.map((line) => line.length))).toBeLessThanOrEqual(width);
      expect(block.join("\n")).toContain("○");
    }
  });

  test("before the search it is the line alone", () => {
    expect(progressBlock(stateAfter([{ kind: "step", step: "activations" }, 0]), plain, 0, 24)).toEqual([
      " the original on the patching and validation prompts",
    ]);
  });
});
