/** Limits for the parts of a task file, in every format. */

/** The limit of one example, in UTF-16 units. Every model's context is much shorter. */
export const longestExample = 2 ** 20;
export const mostExamples = 2 ** 20;
/**
 * The limit of one CSV row: many times the number of columns, so that a row with a comma too many is still
 * counted.
 */
export const mostCells = 1000;
