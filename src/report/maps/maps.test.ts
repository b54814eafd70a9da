import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import type { Decision } from "../../discovery/searches/decision.ts";
import { attentionKeySvg, attentionMapSvg, mostTokens } from "./attention-map.ts";
import { attributionBarsSvg } from "./attribution-bars.ts";
import { circuitMapSvg, type MapCell } from "./circuit-map.ts";
import { klBin } from "./map-style.ts";
import { shortened, signed, visibleToken } from "./svg.ts";
import { currentKls, niceTicks, traceChartSvg } from "./trace-chart.ts";

const parse = (svg: string) => parseHTML(`<html><body>${svg}</body></html>`).document;
const titles = (svg: string, selector: string) =>
  Array.from(parse(svg).querySelectorAll(`${selector} > title`), (title) => title.textContent);

describe("circuit map", () => {
  const cell = (state: MapCell["state"], delta?: number): MapCell => ({
    state,
    ...(delta !== undefined && { delta }),
  });
  const svg = circuitMapSvg({
    id: "map",
    name: "a <model> on a task",
    layers: [
      { heads: [cell("kept", 0.25), cell("pruned", -0.00001)], mlp: cell("kept") },
      { heads: [cell("trial"), cell("unknown")], mlp: undefined },
    ],
  });

  test("a cell for each component, with what it is and what it costs", () => {
    expect(titles(svg, "g:not(.legend) > .cell")).toEqual([
      "layer 0, head 0: kept; replacing it adds +0.2500 nats to the KL",
      "layer 0, head 1: pruned; replacing it adds −1.0e-5 nats to the KL",
      "layer 0, MLP: kept",
      "layer 1, head 0: on trial",
      "layer 1, head 1: not tried yet",
    ]);
  });

  test("an MLP that stays in part is filled as high as its share, and says how many neurons stay", () => {
    const half: MapCell = { state: "kept", neurons: { kept: 30, all: 120 } };
    const own = circuitMapSvg({ id: "map", name: "", layers: [{ heads: [cell("kept")], mlp: half }] });
    expect(titles(own, "g:not(.legend) > .cell")).toEqual([
      "layer 0, head 0: kept",
      "layer 0, MLP: kept, 30 of 120 neurons (25 %)",
    ]);
    const [bar, ...others] = Array.from(parse(own).querySelectorAll(".share"));
    expect(others).toEqual([]);
    expect(bar?.getAttribute("height")).toBe("5.5");
    expect(bar?.getAttribute("width")).toBe("22");
  });

  test("a name and a description for screen readers, and the scale's unit", () => {
    const root = parse(svg).querySelector("svg");
    expect(root?.getAttribute("role")).toBe("img");
    for (const id of root?.getAttribute("aria-labelledby")?.split(" ") ?? []) {
      expect(parse(svg).querySelector(`#${id}`)?.textContent).not.toBe("");
    }
    expect(svg).toContain("Circuit map of a &#60;model&#62; on a task");
    expect(svg).toContain("2 of 5 components are kept");
    expect(svg).toContain("increase of the KL when replaced, nats");
  });

  test("kept is whole and pruned small, so that colour is not needed", () => {
    const [kept, pruned] = Array.from(parse(svg).querySelectorAll("g:not(.legend) > .cell"), (each) =>
      Number(each.getAttribute("width")),
    );
    expect(kept).toBeGreaterThan(1.8 * (pruned ?? Number.POSITIVE_INFINITY));
  });

  test("an id that could break out of its attribute is refused", () => {
    expect(() => circuitMapSvg({ id: 'a" onload="b', name: "", layers: [] })).toThrow(RangeError);
  });
});

test("bins are decades; none and less than none are the first", () => {
  expect([-1, 0, 0.0005, 0.001, 0.05, 0.1, 0.99, 1, 30].map(klBin)).toEqual([0, 0, 1, 2, 3, 4, 4, 5, 5]);
});

describe("trace", () => {
  const trace = [
    { layer: 1, component: "head.0", kl: 0.1, delta: 0.1, pruned: true },
    { layer: 1, component: "mlp", kl: 0.9, delta: 0.8, pruned: false },
    { layer: 0, component: "head.0", kl: 0.05, delta: -0.05, pruned: true },
  ];

  test("what is kept leaves the KL as it was", () => {
    expect(currentKls(trace)).toEqual([0.1, 0.1, 0.05]);
  });

  test("a step for each decision, a mark for each that was kept, and axes with units", () => {
    const svg = traceChartSvg({ id: "trace", trace, alpha: 0.2 });
    expect(titles(svg, ".step")).toEqual([
      "step 1: layer 1, head 0, pruned; KL 0.1000 nats without it (+0.1000)",
      "step 2: layer 1, mlp, kept; KL 0.9000 nats without it (+0.8000)",
      "step 3: layer 0, head 0, pruned; KL 0.0500 nats without it (−0.0500)",
    ]);
    expect(parse(svg).querySelectorAll(":not(.legend) > rect.mark")).toHaveLength(1);
    expect(svg).toContain("KL of the circuit, nats");
  });

  test("passes are named, and what comes back takes the KL down with it", () => {
    const passes: readonly Decision[] = [
      { layer: 1, component: "head.0", kl: 0.5, delta: 0.5, pruned: true },
      { layer: 0, component: "mlp", kl: 0.75, delta: 0.25, pruned: true, pass: 2 },
      { layer: 1, component: "head.0", kl: 0.75, delta: 0.5, pruned: false, pass: 3 },
      { layer: 1, component: "head.0", kl: 0.75, delta: 0.5, pruned: false, pass: 4 },
    ];
    expect(currentKls(passes)).toEqual([0.5, 0.75, 0.25, 0.25]);
    const svg = traceChartSvg({ id: "trace", trace: passes });
    expect(titles(svg, ".step")[2]).toMatch(/^step 3, pass 3: layer 1, head 0, kept;/);
    expect(svg).toContain("After 4 trials of 2 candidates 1 are kept");
    expect(svg).not.toContain("was pruned.");
  });

  test("of many passes, no mark hides another, and passes are numbered instead of layers", () => {
    const long = Array.from({ length: 240 }, (_, step): Decision => {
      const pass = 1 + Math.floor(step / 40);
      const component = step % 8 === 7 ? "mlp" : `head.${step % 8}`;
      const layer = 5 - (Math.floor(step / 8) % 5);
      return { layer, component, kl: 0.1, delta: 0.1, pruned: false, ...(pass > 1 && { pass }) };
    });
    const document = parse(traceChartSvg({ id: "trace", trace: long }));
    const marks = Array.from(document.querySelectorAll("svg > .mark"), (mark) =>
      ["x", "y", "width", "height"].map((name) => Number(mark.getAttribute(name))),
    );
    expect(marks).toHaveLength(240);
    for (const [index, [x = 0]] of marks.entries()) {
      const [before = Number.NEGATIVE_INFINITY, , width = 0] = marks[index - 1] ?? [];
      expect(before + width).toBeLessThanOrEqual(x);
    }
    const [, headTop = 0, , height = 0] = marks[0] ?? [];
    expect(headTop + height).toBeLessThan(marks[7]?.[1] ?? 0);
    const texts = Array.from(document.querySelectorAll("text"), ({ textContent }) => textContent);
    expect(texts).toEqual(expect.arrayContaining(["1", "2", "3", "4", "5", "6"]));
    expect(texts.join()).toContain("pass, from last layer to first");
  });

  test("ticks are round and hold the range", () => {
    expect(niceTicks(0, 0.125, 5)).toEqual([0, 0.05, 0.1, 0.15000000000000002]);
    expect(niceTicks(-0.3, 4.5, 4)).toEqual([-2, 0, 2, 4, 6]);
  });
});

describe("attention", () => {
  test("the lower triangle only, with hover titles and visible spaces", () => {
    const svg = attentionMapSvg({
      id: "a",
      name: "head 0.0",
      tokens: ["A", " <b>"],
      weights: [1, 0, 0.25, 0.75],
    });
    expect(titles(svg, ".cell")).toEqual(["A → A: 1.000", "·<b> → A: 0.250", "·<b> → ·<b>: 0.750"]);
    expect(svg).not.toContain("<b>");
  });

  test("long prompts show their end; weights of another length are refused", () => {
    const length = mostTokens + 5;
    const weights = Array.from({ length: length * length }, () => 1 / length);
    const tokens = Array.from({ length }, (_, at) => `t${at}`);
    const cells = titles(attentionMapSvg({ id: "a", name: "", tokens, weights }), ".cell");
    expect(cells).toHaveLength((mostTokens * (mostTokens + 1)) / 2);
    expect(cells.at(-1)).toMatch(/^t44 → t44/);
    expect(() => attentionMapSvg({ id: "a", name: "", tokens, weights: [1] })).toThrow(RangeError);
  });
});

test("attention's colours have a key, from 0 to 1 and as in the maps", () => {
  const key = parse(attentionKeySvg("key"));
  expect(Array.from(key.querySelectorAll("rect"), (cell) => cell.getAttribute("fill-opacity"))).toEqual([
    ...["0.04", "0.25", "0.50", "0.75", "1.00"],
  ]);
  expect(Array.from(key.querySelectorAll("text"), ({ textContent }) => textContent)).toEqual([
    ...["0", "0.25", "0.5", "0.75", "1", "share of the row's attention"],
  ]);
});

test("attribution: largest first, signs written out", () => {
  const svg = attributionBarsSvg({
    id: "bars",
    axis: "logit",
    bars: [
      { name: "head 0.0", mean: -0.5, deviation: 0.1 },
      { name: "MLP 0", mean: 2, deviation: 0.25 },
    ],
  });
  expect(titles(svg, ".bar")).toEqual([
    "MLP 0: +2.0000, standard deviation 0.2500",
    "head 0.0: −0.5000, standard deviation 0.1000",
  ]);
});

test("text: spaces are seen, long labels are cut between characters, zero has no sign", () => {
  expect(visibleToken(" a b")).toBe("·a·b");
  expect(shortened("😀😀😀", 2)).toBe("😀…");
  expect([signed(-0.001, 2), signed(-1.5, 1), signed(2, 0)]).toEqual(["0.00", "−1.5", "+2"]);
});
