/**
 * A model that is small enough to compute by hand (after auto-circuit's MicroModel): one layer, two heads of
 * width 1, an MLP of width 1, three tokens, d = 4.
 *
 * Three directions, orthogonal and each of mean zero, so that LayerNorm is a division by a length:
 *   h1 = (1, 1, −1, −1)   h2 = (1, −1, 1, −1)   h3 = (1, −1, −1, 1)
 *   LN(a·h1 + b·h2 + c·h3) = (a·h1 + b·h2 + c·h3) / √(a² + b² + c²)
 * We write (a, b, c) for a·h1 + b·h2 + c·h3, and (a, b) where c = 0.
 *
 *   tokens      A = (3, 0, 0)   B = (−3, 0, 0)   C = (0, 0, 3); positions are zero
 *   attention   queries and keys are zero: every position attends equally to itself and all positions before it
 *     head 0    value = the first coordinate of LN: 1 for A, −1 for B, 0 for C; writes 8·z·h2
 *     head 1    value = the third coordinate of LN: 0 for A and B, 1 for C; writes −12·z·h1
 *     b_O       (0, −4)
 *   MLP         hidden = relu(5·(first coordinate of LN) − 4); writes −8·hidden·h2 + b_2, b_2 = (0, 4)
 *   logits      A: (5/4)·ln 2·(second coordinate of LN)   B: 0   C: −20, so C has almost no probability
 *   so (±3, 4) gives P(A) = 2/3, (±3, 0) gives 1/2, (±3, −4) gives 1/3.
 */
import { groupedHeads } from "../../src/transformer/head-groups.ts";
import type { Norm, Transformer } from "../../src/transformer/transformer.ts";
import { constantWeight, type Weight } from "../../src/transformer/weight.ts";

export const [A, B, C] = [0, 1, 2] as const;

type Row = readonly [number, number, number, number];
const h1: Row = [1, 1, -1, -1];
export const h2: Row = [1, -1, 1, -1];
const h3: Row = [1, -1, -1, 1];
const ones: Row = [1, 1, 1, 1];

export const times = (factor: number, [a, b, c, d]: Row): Row => [
  factor * a,
  factor * b,
  factor * c,
  factor * d,
];

export function microModel(): Transformer {
  const zeros = times(0, ones);
  const norm = (name: string, shift: Row = zeros): Norm => ({
    kind: "layer",
    scale: weight(`${name}.scale`, [4], [ones]),
    shift: weight(`${name}.shift`, [4], [shift]),
    epsilon: 1e-12,
  });
  const nothing = weight("no scores", [4, 2], [zeros, zeros]);
  return {
    width: 4,
    vocabularySize: 3,
    contextLength: 2,
    tokenEmbedding: weight("tokens", [3, 4], [times(3, h1), times(-3, h1), times(3, h3)]),
    positions: { kind: "learned", table: weight("positions", [2, 4], [zeros, zeros]) },
    blocks: [
      {
        attention: {
          norm: norm("attention.norm"),
          ...groupedHeads(2),
          headWidth: 1,
          query: { weight: nothing },
          key: { weight: nothing },
          // Columns: coordinates are products with h/4, because h·h = 4.
          value: {
            weight: weight(
              "value",
              [4, 2],
              h1.map((_, row) => [(h1[row] ?? 0) / 4, (h3[row] ?? 0) / 4]),
            ),
          },
          output: {
            weight: weight("output", [2, 4], [times(8, h2), times(-12, h1)]),
            bias: weight("b_O", [4], [times(-4, h2)]),
          },
          scoreScale: 1,
        },
        mlp: {
          norm: norm("mlp.norm"),
          activation: "relu",
          up: { weight: weight("up", [4, 1], [times(5 / 4, h1)]), bias: weight("b_1", [1], [[-4]]) },
          down: { weight: weight("down", [1, 4], [times(-8, h2)]), bias: weight("b_2", [4], [times(4, h2)]) },
        },
      },
    ],
    // The shift is a constant fourth coordinate, which gives C's logit.
    finalNorm: norm("final.norm", ones),
    unembedding: weight("unembedding", [3, 4], [times((5 / 16) * Math.LN2, h2), zeros, times(-5, ones)]),
  };
}

function weight(name: string, shape: readonly number[], rows: readonly (readonly number[])[]): Weight {
  return constantWeight(name, shape, Float32Array.from(rows.flat()));
}
