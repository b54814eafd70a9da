import { parseHTML } from "linkedom";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Decision } from "../../src/discovery/searches/decision.ts";
import { createKlCurve, type KlCurve } from "./kl-curve.ts";

let host: HTMLElement;
let curve: KlCurve;
beforeEach(() => {
  const { document } = parseHTML("<!doctype html><html><body><div></div></body></html>");
  vi.stubGlobal("document", document);
  host = document.querySelector("div") as HTMLElement;
  curve = createKlCurve(host, 0.02);
});
afterEach(() => vi.unstubAllGlobals());

const decisions: readonly Decision[] = [
  { layer: 1, component: "head.0", kl: 0.25, delta: 0.25, pruned: true },
  { layer: 1, component: "mlp", kl: 2, delta: 1.75, pruned: false },
  { layer: 0, component: "head.0", kl: 0.5, delta: 0.25, pruned: false },
  { layer: 0, component: "mlp", kl: 0.125, delta: -0.125, pruned: true },
];
const all = (selector: string) => Array.from(host.querySelectorAll(selector));
const pathsOf = (selector: string) => all(selector).map((path) => path.getAttribute("d"));
const labels = () => all(".curve-grid text").map(({ textContent }) => textContent);

test("before the search the axis reaches to the threshold, and there is no line", () => {
  expect(pathsOf(".curve-line path")).toEqual([]);
  expect(labels().slice(0, 5)).toEqual(["0", "0.005", "0.01", "0.015", "0.02"]);
});

describe("drawing", () => {
  test("a step for each decision, in the units of the data; what is kept leaves it level", () => {
    curve.draw(decisions, 0, 4);
    expect(pathsOf(".curve-line path")).toEqual(["M0 0V0.25H1V0.25H2V0.25H3V0.125H4"]);
    expect(labels()).toEqual(["0", "0.1", "0.2", "0.3", "1"]);
  });

  test("what is kept has a mark at its step, by kind and by what replacing it costs, with an outline below", () => {
    curve.draw(decisions, 0, 4);
    const marks = all(".curve-head, .curve-mlp").map((path) => [
      ...[path.getAttribute("class"), path.getAttribute("d")],
    ]);
    expect(marks.sort()).toEqual([
      ["curve-head bin-4", "M2.5 0.25h0"],
      ["curve-head outline", "M2.5 0.25h0"],
      ["curve-mlp bin-5", "M1.5 0.25h0"],
      ["curve-mlp outline", "M1.5 0.25h0"],
    ]);
    const classes = all(".curve-head, .curve-mlp").map((path) => path.getAttribute("class") ?? "");
    expect(classes.slice(0, 2).every((name) => name.endsWith("outline"))).toBe(true);
  });

  test("as it comes is as if all had come at once", () => {
    for (let at = 0; at < 4; at++) curve.draw(decisions, at, at + 1);
    const [line, marks] = [pathsOf(".curve-line path"), pathsOf(".curve-head, .curve-mlp")];
    curve.draw(decisions, 0, 4);
    expect(pathsOf(".curve-line path")).toEqual(line);
    expect(pathsOf(".curve-head, .curve-mlp").sort()).toEqual(marks.sort());
  });

  test("long searches are drawn in pieces, each from where the last one ended", () => {
    const many = Array.from({ length: 130 }, (_, step): Decision => {
      return { layer: 0, component: `head.${step}`, kl: step + 1, delta: 1, pruned: true };
    });
    curve.draw(many, 0, 130);
    const pieces = pathsOf(".curve-line path");
    expect(pieces.map((piece) => piece?.slice(0, 12))).toEqual([
      "M0 0V1H1V2H2",
      "M64 64V65H65",
      "M128 128V129",
    ]);
    expect(pieces[2]).toBe("M128 128V129H129V130H130");
  });
});

test("the scale brings data to the page: the last step of the search is at the right edge", () => {
  curve.expect(4);
  curve.draw(decisions, 0, 4);
  const transform = all("g[transform]")[0]?.getAttribute("transform") ?? "";
  const [, left, base, sx, sy] = /^translate\((\S+) (\S+)\) scale\((\S+) (\S+)\)$/.exec(transform) ?? [];
  // 560 wide less margins of 66 and 12; 260 high less 12 and 58; the axis goes from 0 to 0.3.
  expect([Number(left), Number(base), Number(sx)]).toEqual([66, 202, 482 / 4]);
  expect(Number(sy)).toBeCloseTo(-190 / 0.3, 9);
  const steps = all(".curve-grid text[text-anchor=middle]").map(({ textContent }) => textContent);
  expect(steps).toEqual(["1", "2", "3", "4"]);
});

test("removed, nothing is left", () => {
  curve.remove();
  expect(host.childNodes).toHaveLength(0);
});
