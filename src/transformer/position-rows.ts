/**
 * Which positions the rows of a constant stand for. A constant joins the residual stream at every position, and need
 * not be the same at each.
 */

/** Which positions the rows of a constant stand for. */
export type PositionRows =
  | {
      /** One row for all positions. */
      readonly kind: "one";
    }
  | {
      /** Two rows: the first position's, then that of all others. */
      readonly kind: "apart";
    }
  | {
      /** A row for each position of prompts of this length. */
      readonly kind: "each";
      /** Tokens of a prompt. */
      readonly length: number;
    };

/** How many rows there are. */
export function countRows(rows: PositionRows): number {
  switch (rows.kind) {
    case "one":
      return 1;
    case "apart":
      return 2;
    case "each":
      return rows.length;
  }
}

/** Which row stands at a position, counted from 0. */
export function rowAt(rows: PositionRows, position: number): number {
  switch (rows.kind) {
    case "one":
      return 0;
    case "apart":
      return Math.min(position, 1);
    case "each":
      return position;
  }
}
