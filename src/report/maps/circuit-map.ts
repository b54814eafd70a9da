/**
 * The map of a circuit: one row for each layer, the last on top (a token passes through the map upwards), one
 * cell for each head, and the MLPs in a separate column. The shape shows whether a component was kept or pruned,
 * the colour what pruning it costs. The studio draws a running search with the same function.
 */
import { recordsOf } from "../../discovery/searches/decision.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { shapeOfFile } from "../../export/file-circuit.ts";
import { taskLabel } from "../../export/task-label.ts";
import { frequencyOfComponent } from "../../measure/stability.ts";
import { keeps } from "../../transformer/circuit.ts";
import { nameInModel, nameOfRecord } from "../../transformer/component.ts";
import { formatKl, formatShare } from "../format.ts";
import { type Html, html } from "../html/escape.ts";
import {
  type CellComponent,
  type CellState,
  type LayerCells,
  layerCells,
  type NeuronShare,
  neuronShare,
  neuronShareText,
} from "../layer-cells.ts";
import { ink, klBin, klBins, klColour } from "./map-style.ts";
import { px, signed, svgFrame } from "./svg.ts";

export interface MapCell {
  readonly state: CellState;
  /** The increase of KL when it is replaced, in nats; undefined when it was not tried. */
  readonly delta?: number;
  /** Whether that is a lower bound. */
  readonly atLeast?: boolean;
  /** Share of the searches on resampled prompts that kept it, 0 to 1; undefined if there were none. */
  readonly frequency?: number;
  /** Of an MLP that stays in part: how many of its neurons do. */
  readonly neurons?: NeuronShare;
}

export interface CircuitMap {
  readonly id: string;
  /** "nano on ioi". */
  readonly name: string;
  /** First layer first. */
  readonly layers: readonly Omit<LayerCells<MapCell>, "layer">[];
}

/** A finished circuit with the trace's last decision on each component. */
export function mapOfCircuit(circuit: CircuitFile, id: string): CircuitMap {
  const decisions = new Map(
    circuit.search.trace.flatMap((decision) =>
      recordsOf(decision).map((record) => [nameOfRecord(record), decision]),
    ),
  );
  const often = circuit.stability?.frequency;
  const { kept } = circuit;
  const shape = shapeOfFile(circuit);
  const cell = (component: CellComponent): MapCell => {
    const { delta, atLeast } = decisions.get(nameInModel(component)) ?? {};
    const frequency = often && frequencyOfComponent(often, component);
    const neurons = component.kind === "mlp" ? neuronShare(kept, shape, component.layer) : undefined;
    return {
      state: keeps(kept, component) ? "kept" : "pruned",
      ...(delta !== undefined && { delta }),
      ...(atLeast && { atLeast }),
      ...(frequency !== undefined && { frequency }),
      ...(neurons !== undefined && { neurons }),
    };
  };
  return {
    id,
    name: `${circuit.model.name} on ${taskLabel(circuit)}`,
    layers: layerCells(shape, cell),
  };
}

const left = 44;
const top = 42;
const legendWidth = 268;

export function circuitMapSvg({ id, name, layers }: CircuitMap): string {
  const most = Math.max(1, ...layers.map(({ heads }) => heads.length));
  const size = most <= 12 ? 26 : most <= 20 ? 20 : 14;
  const pitch = size + (size > 20 ? 4 : 2);
  const mlpX = left + most * pitch + 20;
  const bottom = top + layers.length * pitch;
  const every = pitch >= 20 ? 1 : 5;
  const scaled = layers.some(({ heads, mlp }) => [...heads, mlp].some((cell) => cell?.delta !== undefined));

  const numbers = Array.from({ length: most }, (_, head) => head)
    .filter((head) => head % every === 0)
    .map((head) => html`<text x="${px(left + head * pitch + size / 2)}" y="${top - 8}">${head}</text>`);
  const rows = layers.map(({ heads, mlp }, layer) => {
    const y = top + (layers.length - 1 - layer) * pitch;
    const cells = heads.map((cell, head) =>
      drawCell(cell, { x: left + head * pitch, y, size, round: size / 2 }, `layer ${layer}, head ${head}`),
    );
    return html`<g><text x="${left - 10}" y="${px(y + size / 2 + 4)}" text-anchor="end" fill="${ink.soft}">${layer}</text>${cells}${
      mlp && drawCell(mlp, { x: mlpX, y, size, round: 3 }, `layer ${layer}, MLP`)
    }</g>
`;
  });
  const all = layers.flatMap(({ heads, mlp }) => [...heads, ...(mlp ? [mlp] : [])]);
  const kept = all.filter(({ state }) => state === "kept").length;
  return svgFrame({
    id,
    width: Math.max(mlpX + size + 12, left + legendWidth + 8),
    height: bottom + (scaled ? 104 : 44),
    title: `Circuit map of ${name}`,
    description: `${kept} of ${all.length} components are kept. Rows are layers, the last on top; columns are heads, and the MLPs apart.`,
    body: html`<g fill="${ink.soft}"><text x="${left}" y="14">head</text><text x="${px(mlpX + size / 2)}" y="${top - 8}" text-anchor="middle">MLP</text><text x="${left - 10}" y="${top - 8}" text-anchor="end">layer</text></g>
<g fill="${ink.soft}" text-anchor="middle">${numbers}</g>
${rows}${shapesLegend(bottom + 18)}${scaled && scaleLegend(bottom + 54)}`,
  });
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly round: number;
}

/**
 * Heads are round and MLPs square; pruned ones are small, kept ones have full size and an outline. An MLP that stays in
 * part is filled from below, as high as the share of its neurons that stay.
 */
function drawCell({ state, delta, atLeast, frequency, neurons }: MapCell, place: Place, name: string): Html {
  const fill = delta === undefined ? neutral(state) : klColour(klBin(delta));
  const inset = state === "pruned" ? place.size * 0.29 : state === "unknown" ? place.size * 0.36 : 1;
  const stroke = state === "trial" ? ink.trial : state === "kept" ? ink.strong : ink.soft;
  const side = px(place.size - 2 * inset);
  const radius = px(Math.max(0, Math.min(place.round, side / 2)));
  const cost =
    delta === undefined ? "" : `; replacing it adds ${atLeast ? "≥ " : ""}${signedKl(delta)} nats to the KL`;
  const often =
    frequency === undefined ? "" : `; kept in ${formatShare(frequency)} of the resampled searches`;
  const share = neurons === undefined ? "" : `, ${neuronShareText(neurons)}`;
  const [x, y] = [place.x + inset, place.y + inset];
  return html`${neurons && bar(neurons, fill, { x, y, size: place.size - 2 * inset })}<rect class="cell ${state}" x="${px(x)}" y="${px(y)}" width="${side}" height="${side}" rx="${radius}" fill="${neurons === undefined ? fill : "transparent"}" stroke="${stroke}" stroke-width="${
    state === "kept" || state === "trial" ? 2 : 0.75
  }"><title>${name}: ${stateNames[state]}${share}${cost}${often}</title></rect>`;
}

/** The kept share of an MLP's neurons, as a bar at the bottom of its cell: never so low or so high that it is not seen. */
function bar({ kept, all }: NeuronShare, fill: string, { x, y, size }: Omit<Place, "round">): Html {
  // Half of the outline is inside the cell.
  const inner = size - 2;
  const height = Math.min(inner - 2, Math.max(2, (inner * kept) / all));
  return html`<rect class="share" x="${px(x + 1)}" y="${px(y + 1 + inner - height)}" width="${px(inner)}" height="${px(height)}" fill="${fill}"/>`;
}

const stateNames: Readonly<Record<CellState, string>> = {
  kept: "kept",
  pruned: "pruned",
  trial: "on trial",
  unknown: "not tried yet",
};

const neutral = (state: CellState): string => (state === "kept" ? klColour(3) : "none");

function signedKl(delta: number): string {
  const size = Math.abs(delta);
  if (size === 0) return "0";
  return size < 5e-4 ? `${delta < 0 ? "−" : "+"}${formatKl(size)}` : signed(delta, 4);
}

function shapesLegend(y: number): Html {
  const shape = (x: number, state: CellState, round: number) =>
    drawCell({ state, delta: 0.05 }, { x, y: y - 9, size: 18, round }, `legend: ${stateNames[state]}`);
  const label = (x: number, text: string) => html`<text x="${x}" y="${y + 4}">${text}</text>`;
  return html`<g class="legend" fill="${ink.strong}">${shape(left, "kept", 9)}${shape(left + 22, "kept", 3)}${label(left + 46, "kept")}${shape(
    left + 92,
    "pruned",
    9,
  )}${shape(left + 112, "pruned", 3)}${label(left + 134, "pruned")}</g>`;
}

function scaleLegend(y: number): Html {
  const box = 42;
  const boxes = Array.from(
    { length: klBins.length + 1 },
    (_, bin) =>
      html`<rect x="${left + bin * box}" y="${y + 8}" width="${box}" height="12" fill="${klColour(bin)}" stroke="${ink.soft}" stroke-width="0.5"/>`,
  );
  const ends = klBins.map(
    (end, bin) => html`<text x="${left + (bin + 1) * box}" y="${y + 34}" text-anchor="middle">${end}</text>`,
  );
  return html`<g class="legend" fill="${ink.soft}"><text x="${left}" y="${y}" fill="${ink.strong}">increase of the KL when replaced, nats</text>${boxes}${ends}</g>`;
}
