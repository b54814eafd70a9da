/**
 * The curve of the circuit's KL over the steps, drawn during the search. The line has the units of the data, and
 * a transform maps it to the page. So a new point changes only the last piece of the path, and a larger scale
 * changes one attribute.
 */
import type { Decision } from "../../src/discovery/searches/decision.ts";
import { niceTicks } from "../../src/report/maps/trace-chart.ts";
import { createKlLine } from "./kl-line.ts";
import { createKlMarks } from "./kl-marks.ts";
import { svgElement } from "./svg-element.ts";

const frame = { width: 560, height: 260, left: 66, right: 12, top: 12, bottom: 58 } as const;
const plotWidth = frame.width - frame.left - frame.right;
const plotHeight = frame.height - frame.top - frame.bottom;

export interface KlCurve {
  /** Draws decisions from `from` on; from 0: everything again. */
  draw(decisions: readonly Decision[], from: number, to: number): void;
  expect(total: number): void;
  remove(): void;
}

/** Nats: with larger thresholds, the axis would flatten every curve that a search draws. */
const mostOnAxis = 0.1;

/**
 * @param alpha the allowed cost of a step. The axis covers at least this range, so that it does not show rounding
 * errors while there is no larger value.
 */
export function createKlCurve(host: HTMLElement, alpha: number): KlCurve {
  const svg = svgElement("svg", {
    viewBox: `0 0 ${frame.width} ${frame.height}`,
    role: "img",
    "aria-label": "KL divergence of the circuit by step of the search",
    class: "curve",
  });
  const grid = svgElement("g", { class: "curve-grid" });
  const line = createKlLine();
  const marks = createKlMarks();
  const data = svgElement("g", {});
  const caption = svgElement(
    "text",
    { x: frame.left + plotWidth / 2, y: frame.height - 6, "text-anchor": "middle" },
    "candidates tried",
  );
  data.append(line.host, marks.host);
  svg.append(grid, data, caption);
  host.append(svg);

  let total = 1;
  let high = 0;
  let low = 0;
  let ceiling = 0;
  let floor = 0;
  const rescale = () => {
    const ticks = niceTicks(low, Math.max(high, Math.min(alpha, mostOnAxis)), 4);
    [floor = 0, ceiling = 1] = [ticks[0], ticks.at(-1)];
    const [sx, sy] = [plotWidth / total, -plotHeight / (ceiling - floor)];
    const origin = frame.top + plotHeight - floor * sy;
    data.setAttribute("transform", `translate(${frame.left} ${origin}) scale(${sx} ${sy})`);
    const y = (value: number) => frame.top + plotHeight + (value - floor) * sy;
    const steps = niceTicks(0, total, 5).filter((step) => step <= total && Number.isInteger(step));
    grid.replaceChildren(
      ...ticks.flatMap((tick) => klTick(tick, y(tick))),
      ...steps.slice(1).map((step) => stepTick(step, frame.left + step * sx)),
    );
  };

  rescale();
  return {
    draw(decisions, from, to) {
      if (from === 0) {
        [high, low] = [0, 0];
        marks.clear();
        line.clear();
      }
      for (let step = from; step < to; step++) {
        const decision = decisions[step];
        if (decision === undefined) continue;
        if (!decision.pruned) marks.add(decision, `M${step + 0.5} ${line.end()}h0`);
        line.add(step, decision.pruned ? decision.kl : line.end());
        high = Math.max(high, line.end());
        low = Math.min(low, line.end());
      }
      line.draw();
      marks.draw();
      if (high > ceiling || low < floor || ceiling === 0 || from === 0) rescale();
    },
    expect(count) {
      if (count === total || count < 1) return;
      total = count;
      rescale();
    },
    remove() {
      svg.remove();
    },
  };
}

/** A line over the whole width, with its KL beside it. */
function klTick(kl: number, y: number): readonly SVGElement[] {
  return [
    svgElement("line", { x1: frame.left, x2: frame.width - frame.right, y1: y, y2: y }),
    svgElement(
      "text",
      { x: frame.left - 8, y: y + 4, "text-anchor": "end" },
      String(Number(kl.toPrecision(6))).replace("-", "−"),
    ),
  ];
}

function stepTick(step: number, x: number): SVGElement {
  return svgElement("text", { x, y: frame.height - 34, "text-anchor": "middle" }, String(step));
}
