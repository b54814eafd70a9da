/** Compares a circuit with random circuits of its size, by a one-sided binomial test. */
import { binomialTail } from "../../measure/binomial.ts";
import type { MeasuredEvidence, RandomComparison, SufficiencyTest } from "./evidence-result.ts";

/** The share of random circuits that the test asks a circuit to beat. */
const askedShare = 0.9;

/** @param drawn the random circuits' values. */
export function compareWithRandom(
  circuit: MeasuredEvidence,
  drawn: readonly MeasuredEvidence[],
  seed: number,
): RandomComparison {
  return {
    ...{ count: drawn.length, seed, drawn },
    kl: sufficiency(drawn.filter(({ kl }) => circuit.kl < kl).length, drawn.length),
    accuracy: sufficiency(drawn.filter(({ accuracy }) => circuit.accuracy > accuracy).length, drawn.length),
  };
}

const sufficiency = (beaten: number, count: number): SufficiencyTest => ({
  beaten,
  p: binomialTail(beaten, count, askedShare),
});
