/**
 * The map of a circuit as cells on the page: one row for each layer, the last on top; heads are round, MLPs
 * square; kept components have full size, pruned ones are a dot; an MLP of which some neurons stay is filled as high
 * as their share. Cells are made once, and a change affects only
 * its own cell, so that the page is not laid out again for every decision of a large search. With `onPoint`,
 * arrow keys move over the cells; with `onToggle`, cells are buttons too.
 */
import {
  type CellComponent,
  type CellState,
  layerCells,
  type NeuronShare,
  neuronShareText,
} from "../../src/report/layer-cells.ts";
import {
  type Component,
  componentTitle,
  nameInModel,
  shapeOfHeadCounts,
} from "../../src/transformer/component.ts";

export interface GridOptions {
  readonly headsPerLayer: readonly number[];
  readonly label: string;
  /** Called with the component under the pointer, or with the focus; undefined if there is none. */
  readonly onPoint?: (cell: CellComponent | undefined) => void;
  /** Cells become buttons. */
  readonly onToggle?: (cell: CellComponent) => void;
}

export interface CircuitGrid {
  /**
   * @param bin of the KL scale, if the cost of replacing the component is known.
   * @param glide whether the cell changes its shape gradually.
   */
  set(cell: Component, state: CellState, bin?: number, glide?: boolean): void;
  /** Shows how many of an MLP's neurons stay, as a bar in its cell; undefined: the MLP is whole, or out. */
  share(mlp: CellComponent, neurons: NeuronShare | undefined): void;
  /** Marks that the cell differs from the search's result. */
  mark(cell: Component, changed: boolean): void;
  describe(label: string): void;
  remove(): void;
}

export function createGrid(host: HTMLElement, options: GridOptions): CircuitGrid {
  const { headsPerLayer, onPoint, onToggle } = options;
  // If cells can get the focus, each has a description apart from the picture.
  const walked = onPoint !== undefined || onToggle !== undefined;
  const columns = Math.max(1, ...headsPerLayer);
  const grid = gridElement(options, columns, walked);
  const cells = new Map<string, HTMLElement>();
  const components = new Map<HTMLElement, CellComponent>();
  const addCell = (row: HTMLElement, component: CellComponent) => {
    const cell = cellElement(component, onToggle !== undefined, walked);
    if (walked) cell.tabIndex = cells.size === 0 ? 0 : -1;
    cells.set(nameInModel(component), cell);
    components.set(cell, component);
    row.append(cell);
    return cell;
  };

  grid.append(header(columns));
  const rows: GridRow[] = [];
  for (const { layer, heads, mlp } of layerCells(
    shapeOfHeadCounts(headsPerLayer),
    (each) => each,
  ).toReversed()) {
    const row = document.createElement("div");
    row.className = "map-row";
    row.append(text("map-layer", String(layer)));
    const cellsOfHeads = heads.map((head) => addCell(row, head));
    for (let head = heads.length; head < columns; head++) row.append(text("map-gap", ""));
    row.append(text("map-gap", ""));
    rows[layer] = { heads: cellsOfHeads, mlp: mlp && addCell(row, mlp) };
    grid.append(row);
  }
  tellPointed(grid, components, options);
  if (walked) walkByArrows(grid, rows, components);
  host.append(grid);

  return {
    set(component, state, bin, glide = false) {
      const cell = cells.get(nameInModel(component));
      if (cell === undefined) return;
      if (glide) cell.classList.add("glide");
      if (cell.dataset["state"] !== state) cell.dataset["state"] = state;
      if (bin !== undefined) cell.dataset["bin"] = String(bin);
      if (cell instanceof HTMLButtonElement) cell.setAttribute("aria-pressed", String(state === "kept"));
    },
    share(mlp, neurons) {
      const cell = cells.get(nameInModel(mlp));
      if (cell === undefined) return;
      cell.classList.toggle("part", neurons !== undefined);
      // Never so low or so high that it is not seen.
      const share = neurons === undefined ? 1 : Math.min(0.9, Math.max(0.1, neurons.kept / neurons.all));
      cell.style.setProperty("--share", String(share));
      if (walked) cell.setAttribute("aria-label", titleOfCell(mlp, neurons));
    },
    mark(component, changed) {
      cells.get(nameInModel(component))?.classList.toggle("changed", changed);
    },
    describe(label) {
      grid.setAttribute("aria-label", label);
    },
    remove() {
      grid.remove();
    },
  };
}

function titleOfCell(component: CellComponent, neurons: NeuronShare | undefined): string {
  const share = neurons === undefined ? "" : `, ${neuronShareText(neurons)}`;
  return `${componentTitle(component)}${share}`;
}

function gridElement({ label, onToggle }: GridOptions, columns: number, walked: boolean): HTMLElement {
  const grid = document.createElement("div");
  grid.className = onToggle === undefined ? "map" : "map map-live";
  grid.setAttribute("role", walked ? "group" : "img");
  grid.setAttribute("aria-label", label);
  grid.style.setProperty("--columns", String(columns));
  if (columns > 16) grid.classList.add("map-dense");
  return grid;
}

function cellElement(component: Component, isButton: boolean, walked: boolean): HTMLElement {
  const cell = document.createElement(isButton ? "button" : "span");
  cell.className = `component ${component.kind}`;
  cell.dataset["state"] = "unknown";
  if (walked) cell.setAttribute("aria-label", componentTitle(component));
  if (cell instanceof HTMLButtonElement) cell.type = "button";
  else if (walked) cell.setAttribute("role", "img");
  return cell;
}

/** Reports the component that is pointed at, has the focus, or is clicked. */
function tellPointed(
  grid: HTMLElement,
  components: ReadonlyMap<HTMLElement, CellComponent>,
  { onPoint, onToggle }: GridOptions,
): void {
  const componentAt = (target: EventTarget | null) =>
    target instanceof HTMLElement ? components.get(target) : undefined;
  if (onPoint !== undefined) {
    grid.addEventListener("pointerover", ({ target }) => onPoint(componentAt(target)));
    grid.addEventListener("pointerleave", () => onPoint(undefined));
    grid.addEventListener("focusin", ({ target }) => onPoint(componentAt(target)));
    grid.addEventListener("focusout", () => onPoint(undefined));
  }
  if (onToggle !== undefined) {
    grid.addEventListener("click", ({ target }) => {
      const component = componentAt(target);
      if (component !== undefined) onToggle(component);
    });
  }
}

/** The cells of a layer. */
interface GridRow {
  readonly heads: readonly HTMLElement[];
  readonly mlp: HTMLElement | undefined;
}

function text(className: string, content: string): HTMLElement {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = content;
  element.setAttribute("aria-hidden", "true");
  return element;
}

/** The heads' numbers; only every fifth if there are many. */
function header(columns: number): HTMLElement {
  const row = document.createElement("div");
  row.className = "map-row map-head";
  row.append(text("map-layer", "layer"));
  const every = columns > 12 ? 5 : 1;
  for (let head = 0; head < columns; head++) {
    row.append(text("map-number", head % every === 0 ? String(head) : ""));
  }
  row.append(text("map-gap", ""), text("map-number", "MLP"));
  return row;
}

/** One cell is in the tab order; arrows go to its neighbours, Home and End to the row's ends. */
function walkByArrows(
  grid: HTMLElement,
  rows: readonly GridRow[],
  components: ReadonlyMap<HTMLElement, CellComponent>,
): void {
  let inOrder = components.keys().next().value;
  grid.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLElement) || !components.has(target) || target === inOrder) return;
    if (inOrder !== undefined) inOrder.tabIndex = -1;
    inOrder = target;
    target.tabIndex = 0;
  });
  grid.addEventListener("keydown", (event) => {
    const from = event.target instanceof HTMLElement ? event.target : undefined;
    const component = from && components.get(from);
    if (from === undefined || component === undefined) return;
    const { heads = [], mlp } = rows[component.layer] ?? {};
    const row = mlp === undefined ? heads : [...heads, mlp];
    const column = row.indexOf(from);
    const vertical = (layer: number) => nearest(rows[layer], component.kind, column);
    const to = {
      ArrowRight: row[column + 1],
      ArrowLeft: row[column - 1],
      ArrowUp: vertical(component.layer + 1),
      ArrowDown: vertical(component.layer - 1),
      Home: row[0],
      End: row.at(-1),
    }[event.key];
    if (!["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    to?.focus();
  });
}

/** The cell in another row that lies above or below a cell of this kind and column. */
function nearest(
  row: GridRow | undefined,
  kind: CellComponent["kind"],
  column: number,
): HTMLElement | undefined {
  if (row === undefined) return undefined;
  switch (kind) {
    case "head":
      return row.heads[Math.min(column, row.heads.length - 1)];
    case "mlp":
      return row.mlp;
    default:
      return kind satisfies never;
  }
}
