import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { circuitOfLists } from "../transformer/circuit.ts";
import { indicesBelow, shapeOfHeadCounts } from "../transformer/component.ts";
import { layersOfCircuit, layersOfSearch, mapLegend, terminalMap } from "./terminal-map.ts";
import { terminalStyle } from "./terminal-style.ts";

const plain = terminalStyle({ width: 80 });
const nanoIoi = layersOfCircuit(
  shapeOfHeadCounts([6, 6, 6, 6, 6, 6]),
  circuitOfLists({
    heads: [
      [0, 0],
      [0, 1],
      [2, 5],
      [5, 3],
    ],
    mlps: [0, 4],
  }),
);

describe("the circuit's picture", () => {
  test("last layer on top, MLPs in a column of their own", () => {
    expect(`\n${terminalMap(nanoIoi, plain).join("\n")}\n${mapLegend(plain)}\n`).toMatchInlineSnapshot(`
      "
              head
       layer  0 1 2 3 4 5  MLP
           5  · · · ● · ·   ·
           4  · · · · · ·   ■
           3  · · · · · ·   ·
           2  · · · · · ●   ·
           1  · · · · · ·   ·
           0  ● ● · · · ·   ■
       ● ■ kept   · pruned
      "
    `);
  });

  test("numbers every fifth head where there are more than ten", () => {
    const layers = layersOfCircuit(
      shapeOfHeadCounts([11, 11]),
      circuitOfLists({ heads: [[1, 10]], mlps: [0] }),
    );
    expect(`\n${terminalMap(layers, plain).join("\n")}\n`).toMatchInlineSnapshot(`
      "
              head
       layer  0         5         10  MLP
           1  · · · · · · · · · · ●    ·
           0  · · · · · · · · · · ·    ■
      "
    `);
  });

  test("says what share of an MLP stays, where it stays in part", () => {
    const shape = shapeOfHeadCounts([3, 3, 3, 3], [200, 200, 200, 200]);
    const neurons = [
      [0, indicesBelow(31)],
      [1, [7]],
      [3, indicesBelow(199)],
    ] as const;
    const layers = layersOfCircuit(shape, circuitOfLists({ heads: [[0, 2]], mlps: [2], neurons }));
    expect(`\n${terminalMap(layers, plain).join("\n")}\n`).toMatchInlineSnapshot(`
      "
              head
       layer  0 1 2  MLP
           3  · · ·   ■ 99 %
           2  · · ·   ■
           1  · · ·   ■ 1 %
           0  · · ●   ■ 16 %
      "
    `);
  });

  test("closes the gaps, then folds the rows, where the terminal is narrow", () => {
    const layers = layersOfCircuit(
      shapeOfHeadCounts([25, 25]),
      circuitOfLists({
        heads: [
          [1, 0],
          [1, 24],
          [0, 20],
        ],
        mlps: [1],
      }),
    );
    expect(`\n${terminalMap(layers, terminalStyle({ width: 40 })).join("\n")}\n`).toMatchInlineSnapshot(`
      "
              head
       layer  0    5    10   15   20     MLP
           1  ●·······················●   ■
           0  ····················●····   ·
      "
    `);
    expect(`\n${terminalMap(layers, terminalStyle({ width: 30 })).join("\n")}\n`).toMatchInlineSnapshot(`
      "
              head
       layer  0    5    10     MLP
           1  ●··············   ■
              ·········●
           0  ···············   ·
              ·····●····
      "
    `);
  });

  test("without Unicode", () => {
    const ascii = terminalStyle({ width: 80, unicode: false });
    expect(`\n${terminalMap(nanoIoi.slice(0, 1), ascii).join("\n")}\n`).toMatchInlineSnapshot(`
      "
              head
       layer  0 1 2 3 4 5  MLP
           0  O O . . . .   #
      "
    `);
  });

  test("colour only adds to the marks", () => {
    const coloured = terminalMap(nanoIoi, terminalStyle({ width: 80, colours: 3 }));
    expect(coloured.join("\n")).toContain("\u001b[38;2;230;159;0m●");
    expect(coloured.map(withoutColour)).toEqual(terminalMap(nanoIoi, plain));
  });

  test("a search under way: decided, on trial, not tried yet", () => {
    const decisions = [
      { layer: 1, component: "head.0", pruned: true },
      { layer: 1, component: "head.1", pruned: false },
    ];
    const trial = { layer: 1, component: "head.2" };
    expect(layersOfSearch([3, 3], true, decisions, trial)).toEqual([
      { layer: 0, heads: ["unknown", "unknown", "unknown"], mlp: "unknown" },
      { layer: 1, heads: ["pruned", "kept", "trial"], mlp: "unknown" },
    ]);
    // An MLP that is not on trial stays.
    expect(layersOfSearch([1], false, [])).toEqual([{ layer: 0, heads: ["unknown"], mlp: "kept" }]);
  });

  test("never wider than the terminal, and every kept component is in it", () => {
    const shape = fc.array(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(shape, fc.integer({ min: 20, max: 200 }), fc.func(fc.boolean()), (shape, width, keeps) => {
        const heads = shape.flatMap((count, layer) =>
          Array.from({ length: count }, (_, head) => [layer, head] as const).filter((at) => keeps(at)),
        );
        const mlps = shape.map((_, layer) => layer).filter((layer) => keeps(layer));
        const lines = terminalMap(
          layersOfCircuit(shapeOfHeadCounts(shape), circuitOfLists({ heads, mlps })),
          terminalStyle({ width }),
        );
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        const marks = lines.join("");
        expect(marks.split("●").length - 1).toBe(heads.length);
        expect(marks.split("■").length - 1).toBe(mlps.length);
      }),
    );
  });
});

function withoutColour(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours begin with
  return line.replace(/\u001b\[[\d;]*m/g, "");
}
