/** The steps of a KL curve that kept a component, as marks on it. */
import type { Decision } from "../../src/discovery/searches/decision.ts";
import { klBin } from "../../src/report/maps/map-style.ts";
import { type ComponentKind, componentOf } from "../../src/transformer/component.ts";
import { svgElement } from "./svg-element.ts";

export interface KlMarks {
  readonly host: SVGElement;
  add(decision: Decision, path: string): void;
  /** Draws the marks that were added since the last call, with one change for each kind and colour. */
  draw(): void;
  clear(): void;
}

/**
 * Marks of kept components, as on the map: heads round, MLPs square, in the colour of the cost of replacing them.
 */
export function createKlMarks(): KlMarks {
  const host = svgElement("g", {});
  const paths = new Map<string, { readonly element: SVGElement; text: string; drawn: number }>();
  const pathOf = (kind: ComponentKind, look: string) => {
    const key = `${kind} ${look}`;
    const known = paths.get(key);
    if (known !== undefined) return known;
    const made = { element: svgElement("path", { class: `curve-${kind} ${look}` }), text: "", drawn: 0 };
    made.element.setAttribute("vector-effect", "non-scaling-stroke");
    // Outlines are below the marks that they surround.
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
