/**
 * The line of a KL curve, horizontal over each step, in pieces: a new step changes only the last piece of the
 * path.
 */
import { svgElement } from "./svg-element.ts";

/** Steps in one piece of path. */
const pieceLength = 64;

export interface KlLine {
  readonly host: SVGElement;
  /** The KL after the last step. */
  end(): number;
  add(step: number, kl: number): void;
  /** Draws the steps that were added since the last call. */
  draw(): void;
  clear(): void;
}

export function createKlLine(): KlLine {
  const host = svgElement("g", { class: "curve-line" });
  let end = 0;
  let piece: SVGElement | undefined;
  let path = "";
  const draw = () => piece?.setAttribute("d", path);
  return {
    host,
    draw,
    end: () => end,
    add(step, kl) {
      if (step % pieceLength === 0) {
        draw();
        path = `M${step} ${end}`;
        piece = svgElement("path", { "vector-effect": "non-scaling-stroke" });
        host.append(piece);
      }
      end = kl;
      path += `V${kl}H${step + 1}`;
    },
    clear() {
      [end, path, piece] = [0, "", undefined];
      host.replaceChildren();
    },
  };
}
