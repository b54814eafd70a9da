/**
 * The map of a circuit for a terminal: one row for each layer, one mark for each head, and a column for the MLPs.
 * The last layer is on top, as in the papers' figures: so the path of a token is read upwards, and the map grows
 * downwards during a search, which begins at the last layer.
 */
import { type Decision, recordsOf } from "../discovery/searches/decision.ts";
import { type Circuit, keeps } from "../transformer/circuit.ts";
import {
  type ComponentRecord,
  isTried,
  type ModelShape,
  nameInModel,
  nameOfRecord,
  shapeOfHeadCounts,
} from "../transformer/component.ts";
import {
  type CellComponent,
  type CellState,
  type LayerCells,
  layerCells,
  type NeuronShare,
  neuronShare,
  shareText,
} from "./layer-cells.ts";
import type { TerminalStyle } from "./terminal-style.ts";

export interface MapLayer extends LayerCells<CellState> {
  /** Left out: the MLP is whole, or pruned. */
  readonly neurons?: NeuronShare | undefined;
}

/** A finished circuit. First layer first. */
export function layersOfCircuit(shape: ModelShape, circuit: Circuit): readonly MapLayer[] {
  return layerCells(shape, (component) => (keeps(circuit, component) ? "kept" : "pruned")).map((cells) => {
    const neurons = neuronShare(circuit, shape, cells.layer);
    return neurons === undefined ? cells : { ...cells, neurons };
  });
}

/** A running search: the decisions so far, and the component that is being tried, named as in `Decision`. */
export function layersOfSearch(
  headsPerLayer: readonly number[],
  mlpsOnTrial: boolean,
  decisions: readonly (ComponentRecord & Pick<Decision, "also" | "pruned">)[],
  trial?: ComponentRecord,
): readonly MapLayer[] {
  const states = new Map<string, CellState>();
  for (const decision of decisions)
    for (const record of recordsOf(decision))
      states.set(nameOfRecord(record), decision.pruned ? "pruned" : "kept");
  if (trial !== undefined) states.set(nameOfRecord(trial), "trial");
  return layerCells(shapeOfHeadCounts(headsPerLayer), (component) =>
    isTried(component.kind, mlpsOnTrial) ? (states.get(nameInModel(component)) ?? "unknown") : "kept",
  );
}

/** The lines of the map, without line breaks. A row that is too long for the width is folded. */
export function terminalMap(layers: readonly MapLayer[], style: TerminalStyle): readonly string[] {
  const most = Math.max(0, ...layers.map(({ heads }) => heads.length));
  const label = Math.max("layer".length, String(layers.length - 1).length);
  const hasMlps = layers.some(({ mlp }) => mlp !== undefined);
  // One column more than the marks need, because the last head's number may have two digits.
  const shares = Math.max(0, ...layers.map(({ neurons }) => shareOf(neurons).length));
  const room = style.width - 1 - label - 2 - 1 - (hasMlps ? 2 + "MLP".length + shares : 0);
  const gap = 2 * most - 1 <= room ? " " : "";
  // Folded at a head whose number is in the header.
  const fold = room >= 5 ? room - (room % 5) : room;
  const perRow = Math.max(1, most <= room ? most : fold);
  const numbers = headNumbers(perRow, gap);
  const width = Math.max("head".length, gap === "" ? perRow : 2 * perRow - 1, numbers.length);

  const row = (name: string, heads: string, shown: number, mlp: string) =>
    ` ${name.padStart(label)}  ${heads}${hasMlps ? `${" ".repeat(width - shown)}  ${mlp}` : ""}`.trimEnd();
  const lines = [row("", "head", "head".length, ""), row("layer", numbers, numbers.length, "MLP")];
  for (const { layer, heads, mlp, neurons } of [...layers].reverse()) {
    for (let start = 0; start === 0 || start < heads.length; start += perRow) {
      const part = heads.slice(start, start + perRow);
      const marks = part.map((state) => mark(state, "head", style)).join(gap);
      const shown = Math.max(0, part.length * (1 + gap.length) - gap.length);
      const right = start === 0 && mlp !== undefined ? ` ${mark(mlp, "mlp", style)}${shareOf(neurons)}` : "";
      lines.push(row(start === 0 ? String(layer) : "", marks, shown, right));
    }
  }
  return lines;
}

/** The share of an MLP's neurons that stay; empty where it is whole, or pruned. */
const shareOf = (neurons: NeuronShare | undefined): string =>
  neurons === undefined ? "" : ` ${shareText(neurons)}`;

/** The meaning of the marks, in one line. */
export function mapLegend(style: TerminalStyle): string {
  const { symbols, paint } = style;
  const kept = `${paint("keptHead", symbols.keptHead)} ${paint("keptMlp", symbols.keptMlp)}`;
  return ` ${kept} kept   ${paint("pruned", symbols.pruned)} pruned`;
}

/** Every head's number if there is space, else every fifth. */
function headNumbers(count: number, gap: string): string {
  const step = 1 + gap.length;
  const every = count <= 10 && gap === " " ? 1 : 5;
  let line = "";
  for (let head = 0; head < count; head += every) line = line.padEnd(head * step) + String(head);
  return line;
}

/** The name of a kept component's mark, both in the symbols and in the paints. */
export const keptMarks = { head: "keptHead", mlp: "keptMlp" } as const satisfies Record<
  CellComponent["kind"],
  keyof TerminalStyle["symbols"]
>;

function mark(state: CellState, kind: CellComponent["kind"], { symbols, paint }: TerminalStyle): string {
  switch (state) {
    case "kept":
      return paint(keptMarks[kind], symbols[keptMarks[kind]]);
    case "pruned":
      return paint("pruned", symbols.pruned);
    case "trial":
      return paint("trial", symbols.trial);
    case "unknown":
      return symbols.unknown;
  }
}
