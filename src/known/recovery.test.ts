import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Circuit, circuitOfLists } from "../transformer/circuit.ts";
import { GPT2_SMALL_HEADS, type Head, knownCircuit, knownHeads } from "./known-circuits.ts";
import { areaUnderCurve, meanRoc, recoveryRates, rocCurve } from "./recovery.ts";

const allHeads: readonly Head[] = GPT2_SMALL_HEADS.flatMap((count, layer) =>
  Array.from({ length: count }, (_, head) => [layer, head] as const),
);

const keeping = (heads: readonly Head[]): Circuit => circuitOfLists({ heads, mlps: [] });

describe("recoveryRates", () => {
  test("by hand: two layers of two heads", () => {
    const known: readonly Head[] = [
      [1, 1],
      [0, 0],
      [1, 0],
    ];
    expect(
      recoveryRates(
        keeping([
          [0, 1],
          [1, 0],
        ]),
        known,
        [2, 2],
      ),
    ).toEqual({
      ...{ truePositives: 1, falsePositives: 1, positives: 3, negatives: 1, tpr: 1 / 3, fpr: 1 },
      missed: [
        [1, 1],
        [0, 0],
      ],
    });
  });

  test("nothing kept gives (0, 0), all kept (1, 1), the known circuit (1, 0); all known, no FPR", () => {
    const known = knownHeads(knownCircuit("ioi"));
    const rates = (heads: readonly Head[]) => {
      const { tpr, fpr } = recoveryRates(keeping(heads), known, GPT2_SMALL_HEADS);
      return [tpr, fpr];
    };
    expect([rates([]), rates(allHeads), rates(known)]).toEqual([
      [0, 0],
      [1, 1],
      [1, 0],
    ]);
    expect(recoveryRates(keeping(allHeads), allHeads, GPT2_SMALL_HEADS)).toMatchObject({ tpr: 1, fpr: 0 });
  });

  test("heads that the model does not have, or none known, are errors", () => {
    expect(() => recoveryRates(keeping([[2, 0]]), [[0, 0]], [2, 2])).toThrow("the circuit has the head 2.0");
    expect(() => recoveryRates(keeping([]), [[0, 2]], [2, 2])).toThrow("the known circuit has the head 0.2");
    expect(() => recoveryRates(keeping([]), [], [2, 2])).toThrow("the known circuit has no heads");
  });
});

describe("areaUnderCurve", () => {
  test("nothing learnt is a half, everything at once is 1, a point between by hand", () => {
    expect(areaUnderCurve(rocCurve([]))).toBe(0.5);
    expect(areaUnderCurve(rocCurve([{ fpr: 0, tpr: 1 }]))).toBe(1);
    // 0.25 · 0.75 / 2 + 0.75 · 1.75 / 2
    expect(areaUnderCurve(rocCurve([{ fpr: 0.25, tpr: 0.75 }]))).toBe(0.75);
    expect(areaUnderCurve([])).toBe(0);
  });

  test("the order of a sweep's points does not matter; the area is between 0 and 1", () => {
    const rate = fc.double({ min: 0, max: 1, noNaN: true });
    const points = fc.array(fc.record({ fpr: rate, tpr: rate }));
    fc.assert(
      fc.property(points, (sweep) => {
        const area = areaUnderCurve(rocCurve(sweep));
        expect(areaUnderCurve(rocCurve(sweep.toReversed()))).toBe(area);
        // A hair for the rounding of sums.
        expect(area).toBeGreaterThanOrEqual(0);
        expect(area).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });
});

test("the mean of runs is taken by threshold", () => {
  const runs = [[{ fpr: 0, tpr: 0.5 }], [{ fpr: 0.5, tpr: 1 }]];
  expect(meanRoc(runs)).toEqual([{ fpr: 0.25, tpr: 0.75 }]);
  expect(() => meanRoc([...runs, []])).toThrow(RangeError);
});

/** A published file's lines by column name. */
function readRates(file: string): readonly { readonly fpr: number; readonly tpr: number }[] {
  const [header = "", ...lines] = readFileSync(`test/published/${file}`, "utf8").trim().split(/\r?\n/);
  const [fpr, tpr] = ["FPR", "TPR"].map((name) => header.split(",").indexOf(name));
  return lines.map((line) => {
    const cells = line.split(",");
    return { fpr: Number(cells[fpr ?? -1]), tpr: Number(cells[tpr ?? -1]) };
  });
}

describe("the published rates", () => {
  const tasks = ["ioi", "greater-than", "acronyms"] as const;
  const files = {
    ioi: ["roc/ioi_mean_1.csv", "roc/ioi_zero_1.csv", "discovery/ioi_0.01.csv", "discovery/ioi_0.02_mlp.csv"],
    "greater-than": [
      ...["roc/greater-than_mean_1.csv", "roc/greater-than_zero_1.csv"],
      ...["discovery/greater-than_0.09.csv", "discovery/greater-than_0.09_mlp.csv"],
    ],
    acronyms: [
      ...["roc/acronyms_mean_1.csv", "roc/acronyms_zero_1.csv"],
      ...["discovery/acronyms_0.09.csv", "discovery/acronyms_0.04_mlp.csv"],
    ],
  };

  test.each(tasks)("%s: are rates that some circuit has against our list", (task) => {
    const known = knownHeads(knownCircuit(task));
    const others = allHeads.filter(([layer, head]) => !known.some(([l, h]) => l === layer && h === head));
    const rates = files[task].flatMap(readRates);
    expect(rates.length).toBeGreaterThan(60);
    for (const { tpr, fpr } of rates) {
      const found = known.slice(0, Math.round(tpr * known.length));
      const wrong = others.slice(0, Math.round(fpr * others.length));
      const ours = recoveryRates(keeping([...found, ...wrong]), known, GPT2_SMALL_HEADS);
      // The files' last digits are cut, some of them at 16.
      expect(ours.tpr).toBeCloseTo(tpr, 14);
      expect(ours.fpr).toBeCloseTo(fpr, 14);
    }
  });

  // Areas by our own float64 arithmetic in another language; the published figures say 0.87, 0.76 and 0.91.
  test.each([
    ["ioi", 0.8716133668702839, 0.893100970176069],
    ["greater-than", 0.7578125000000002, 0.8504595588235295],
    ["acronyms", 0.909889705882353, 0.9128308823529412],
  ] as const)(
    "%s: the mean curve's area, without ends as published and with",
    (task, published, withEnds) => {
      const runs = [1, 2, 3, 4, 5].map((run) => readRates(`roc/${task}_mean_${run}.csv`));
      expect(areaUnderCurve(rocCurve(meanRoc(runs), false))).toBeCloseTo(published, 12);
      expect(areaUnderCurve(rocCurve(meanRoc(runs)))).toBeCloseTo(withEnds, 12);
    },
  );
});
