/**
 * The circuit's KL by step, drawn as it comes: the line lives in the units of the data and a transform brings it
 * to the page, so that a new point adds to the last piece of path alone, and a larger scale changes one attribute.
 */
import type { Decision } from "../../src/discovery/searches/decision.ts";
import { klBin } from "../../src/report/maps/map-style.ts";
import { niceTicks } from "../../src/report/maps/trace-chart.ts";
import { type ComponentKind, componentOf } from "../../src/transformer/component.ts";

const frame = { width: 560, height: 260, left: 66, right: 12, top: 12, bottom: 58 } as const;
const plotWidth = frame.width - frame.left - frame.right;
const plotHeight = frame.height - frame.top - frame.bottom;
/** Steps in one piece of path. */
const pieceLength = 64;

export interface KlCurve {
  /** Draws decisions from `from` on; from 0: all anew. */
  draw(decisions: readonly Decision[], from: number, to: number): void;
  expect(total: number): void;
  remove(): void;
}

/** Nats: thresholds beyond it would flatten every curve that a search draws. */
const mostOnAxis = 0.1;

/**
 * @param alpha what a step may cost: the axis reaches as far from the beginning, so that it shows no rounding errors
 *   while nothing else is there.
 */
export function createKlCurve(host: HTMLElement, alpha: number): KlCurve {
  const svg = element("svg", {
    viewBox: `0 0 ${frame.width} ${frame.height}`,
    role: "img",
    "aria-label": "KL divergence of the circuit by step of the search",
    class: "curve",
  });
  const grid = element("g", { class: "curve-grid" });
  const lines = element("g", { class: "curve-line" });
  const marks = createMarks();
  const data = element("g", {});
  const caption = element(
    "text",
    { x: frame.left + plotWidth / 2, y: frame.height - 6, "text-anchor": "middle" },
    "candidates tried",
  );
  data.append(lines, marks.host);
  svg.append(grid, data, caption);
  host.append(svg);

  let total = 1;
  let high = 0;
  let low = 0;
  let current = 0;
  let pieces: SVGElement[] = [];
  let path = "";

  const rescale = () => {
    const ticks = niceTicks(low, Math.max(high, Math.min(alpha, mostOnAxis)), 4);
    const [bottom = 0, top = 1] = [ticks[0], ticks.at(-1)];
    const [sx, sy] = [plotWidth / total, -plotHeight / (top - bottom)];
    data.setAttribute(
      "transform",
      `translate(${frame.left} ${frame.top + plotHeight - bottom * sy}) scale(${sx} ${sy})`,
    );
    const y = (value: number) => frame.top + plotHeight + (value - bottom) * sy;
    const steps = niceTicks(0, total, 5).filter((step) => step <= total && Number.isInteger(step));
    grid.replaceChildren(
      ...ticks.flatMap((tick) => [
        element("line", { x1: frame.left, x2: frame.width - frame.right, y1: y(tick), y2: y(tick) }),
        element("text", { x: frame.left - 8, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick)),
      ]),
      ...steps
        .slice(1)
        .map((step) =>
          element(
            "text",
            { x: frame.left + step * sx, y: frame.height - 34, "text-anchor": "middle" },
            String(step),
          ),
        ),
    );
    ceiling = top;
    floor = bottom;
  };
  let ceiling = 0;
  let floor = 0;

  const clear = () => {
    [current, high, low, path, pieces] = [0, 0, 0, "", []];
    marks.clear();
    lines.replaceChildren();
  };

  rescale();
  return {
    draw(decisions, from, to) {
      if (from === 0) clear();
      for (let step = from; step < to; step++) {
        const decision = decisions[step];
        if (decision === undefined) continue;
        if (step % pieceLength === 0) {
          path = `M${step} ${current}`;
          const piece = element("path", { "vector-effect": "non-scaling-stroke" });
          pieces.push(piece);
          lines.append(piece);
        }
        if (decision.pruned) current = decision.kl;
        else marks.add(decision, `M${step + 0.5} ${current}h0`);
        high = Math.max(high, current);
        low = Math.min(low, current);
        path += `V${current}H${step + 1}`;
        if (step % pieceLength === pieceLength - 1 || step === to - 1) pieces.at(-1)?.setAttribute("d", path);
      }
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

interface Marks {
  readonly host: SVGElement;
  add(decision: Decision, path: string): void;
  /** What was added since, one change for each kind and colour. */
  draw(): void;
  clear(): void;
}

/** What was kept, as on the map: heads round, MLPs square, in the colour of what replacing them costs. */
function createMarks(): Marks {
  const host = element("g", {});
  const paths = new Map<string, { readonly element: SVGElement; text: string; drawn: number }>();
  const pathOf = (kind: ComponentKind, look: string) => {
    const key = `${kind} ${look}`;
    const known = paths.get(key);
    if (known !== undefined) return known;
    const made = { element: element("path", { class: `curve-${kind} ${look}` }), text: "", drawn: 0 };
    made.element.setAttribute("vector-effect", "non-scaling-stroke");
    // Outlines lie under what they go round.
    if (look === "outline") host.prepend(made.element);
    else host.append(made.element);
    paths.set(key, made);
    return made;
  };
  return {
    host,
    add(decision, path) {
      const { kind } = componentOf(decision);
      pathOf(kind, "outline").text += path;
      pathOf(kind, `bin-${klBin(decision.delta)}`).text += path;
    },
    draw() {
      for (const path of paths.values()) {
        if (path.drawn === path.text.length) continue;
        path.element.setAttribute("d", path.text);
        path.drawn = path.text.length;
      }
    },
    clear() {
      paths.clear();
      host.replaceChildren();
    },
  };
}

function tickText(tick: number): string {
  return String(Number(tick.toPrecision(6))).replace("-", "−");
}

function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content?: string,
): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (content !== undefined) made.textContent = content;
  return made;
}
