/**
 * The map of a circuit as cells on the page: a row a layer, the last on top; heads round, MLPs square; what is
 * kept is whole, what is pruned a dot. Cells are made once and a change touches that cell alone, so a search of
 * a thousand components streams in without the page being laid out anew. With `onPoint` arrow keys walk over the
 * cells, with `onToggle` these are buttons as well.
 */
import type { CellState } from "../../src/report/terminal-map.ts";
import { type CellName, cellTitle } from "../data/candidates.ts";

export interface GridOptions {
  readonly headsPerLayer: readonly number[];
  readonly label: string;
  /** What the cell under the pointer, or with the focus, is; undefined when there is none. */
  readonly onPoint?: (cell: CellName | undefined) => void;
  /** Cells become buttons. */
  readonly onToggle?: (cell: CellName) => void;
}

export interface CircuitGrid {
  /**
   * @param bin of the KL scale, where it is known what replacing the component costs.
   * @param glide to its new shape, instead of having it at once.
   */
  set(cell: CellName, state: CellState, bin?: number, glide?: boolean): void;
  /** The cell is not as the search left it. */
  mark(cell: CellName, changed: boolean): void;
  describe(label: string): void;
  remove(): void;
}

export function createGrid(host: HTMLElement, options: GridOptions): CircuitGrid {
  const { headsPerLayer, onPoint, onToggle } = options;
  const columns = Math.max(1, ...headsPerLayer);
  const cells = new Map<string, HTMLElement>();
  const names = new Map<HTMLElement, CellName>();
  const grid = document.createElement("div");
  grid.className = onToggle === undefined ? "map" : "map map-live";
  // Where cells can be gone to, what the cell is is told apart from the picture.
  const walked = onPoint !== undefined || onToggle !== undefined;
  grid.setAttribute("role", walked ? "group" : "img");
  grid.setAttribute("aria-label", options.label);
  grid.style.setProperty("--columns", String(columns));
  if (columns > 16) grid.classList.add("map-dense");

  const addCell = (row: HTMLElement, name: CellName) => {
    const cell = document.createElement(onToggle === undefined ? "span" : "button");
    cell.className = name.component === "mlp" ? "component mlp" : "component head";
    cell.dataset["state"] = "unknown";
    if (walked) {
      cell.setAttribute("aria-label", cellTitle(name));
      cell.tabIndex = cells.size === 0 ? 0 : -1;
    }
    if (cell instanceof HTMLButtonElement) cell.type = "button";
    else if (walked) cell.setAttribute("role", "img");
    cells.set(keyOf(name), cell);
    names.set(cell, name);
    row.append(cell);
  };

  grid.append(header(columns));
  for (let layer = headsPerLayer.length - 1; layer >= 0; layer--) {
    const row = document.createElement("div");
    row.className = "map-row";
    row.append(text("map-layer", String(layer)));
    const heads = headsPerLayer[layer] ?? 0;
    for (let head = 0; head < heads; head++) addCell(row, { layer, component: `head.${head}` });
    for (let head = heads; head < columns; head++) row.append(text("map-gap", ""));
    row.append(text("map-gap", ""));
    addCell(row, { layer, component: "mlp" });
    grid.append(row);
  }

  const nameAt = (target: EventTarget | null) =>
    target instanceof HTMLElement ? names.get(target) : undefined;
  if (onPoint !== undefined) {
    grid.addEventListener("pointerover", ({ target }) => onPoint(nameAt(target)));
    grid.addEventListener("pointerleave", () => onPoint(undefined));
    grid.addEventListener("focusin", ({ target }) => onPoint(nameAt(target)));
    grid.addEventListener("focusout", () => onPoint(undefined));
  }
  if (onToggle !== undefined) {
    grid.addEventListener("click", ({ target }) => {
      const name = nameAt(target);
      if (name !== undefined) onToggle(name);
    });
  }
  if (walked) walkByArrows(grid, cells, names, headsPerLayer);
  host.append(grid);

  return {
    set(name, state, bin, glide = false) {
      const cell = cells.get(keyOf(name));
      if (cell === undefined) return;
      if (glide) cell.classList.add("glide");
      if (cell.dataset["state"] !== state) cell.dataset["state"] = state;
      if (bin !== undefined) cell.dataset["bin"] = String(bin);
      if (cell instanceof HTMLButtonElement) cell.setAttribute("aria-pressed", String(state === "kept"));
    },
    mark(name, changed) {
      cells.get(keyOf(name))?.classList.toggle("changed", changed);
    },
    describe(label) {
      grid.setAttribute("aria-label", label);
    },
    remove() {
      grid.remove();
    },
  };
}

function keyOf({ layer, component }: CellName): string {
  return `${layer}.${component}`;
}

function text(className: string, content: string): HTMLElement {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = content;
  element.setAttribute("aria-hidden", "true");
  return element;
}

/** The heads' numbers; every fifth where there are many. */
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
  cells: ReadonlyMap<string, HTMLElement>,
  names: ReadonlyMap<HTMLElement, CellName>,
  headsPerLayer: readonly number[],
): void {
  let inOrder = cells.values().next().value;
  grid.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLElement) || !names.has(target) || target === inOrder) return;
    if (inOrder !== undefined) inOrder.tabIndex = -1;
    inOrder = target;
    target.tabIndex = 0;
  });
  const inRow = (layer: number) => {
    const count = headsPerLayer[layer] ?? 0;
    const heads = Array.from({ length: count }, (_, head) => cells.get(`${layer}.head.${head}`));
    return [...heads, cells.get(`${layer}.mlp`)].filter((cell) => cell !== undefined);
  };
  grid.addEventListener("keydown", (event) => {
    const from = event.target instanceof HTMLElement ? event.target : undefined;
    const name = from && names.get(from);
    if (from === undefined || name === undefined) return;
    const row = inRow(name.layer);
    const column = row.indexOf(from);
    const vertical = (layer: number) => {
      const other = inRow(layer);
      return name.component === "mlp" ? other.at(-1) : other[Math.min(column, other.length - 2)];
    };
    const to = {
      ArrowRight: row[column + 1],
      ArrowLeft: row[column - 1],
      ArrowUp: vertical(name.layer + 1),
      ArrowDown: vertical(name.layer - 1),
      Home: row[0],
      End: row.at(-1),
    }[event.key];
    if (!["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    to?.focus();
  });
}
