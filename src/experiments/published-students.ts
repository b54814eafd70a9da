/**
 * Table 2 of the paper: the accuracy of distilled students beside circuits, as printed (arXiv:2412.15750). Nothing else
 * of these experiments was published.
 */

/** A row of Table 2, on GPT-2 small. */
export interface PublishedStudent {
  /** The task's name. */
  readonly task: string;
  /** Whether MLPs of the circuit that it stands beside could be pruned. */
  readonly mlps: boolean;
  /** How many layers the student has. */
  readonly layers: number;
  /** Its share of right answers, 0 to 1. */
  readonly accuracy: number;
}

/** In the table's order. */
export const PUBLISHED_STUDENTS: readonly PublishedStudent[] = [
  { task: "acronyms", mlps: false, layers: 8, accuracy: 0.125 },
  { task: "acronyms", mlps: true, layers: 4, accuracy: 0.107 },
  { task: "ioi", mlps: false, layers: 8, accuracy: 0.024 },
  { task: "ioi", mlps: true, layers: 3, accuracy: 0.021 },
  { task: "greater-than", mlps: false, layers: 8, accuracy: 0.776 },
  { task: "greater-than", mlps: true, layers: 2, accuracy: 0.932 },
];
