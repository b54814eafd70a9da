/** How large a task file may be in its parts, in every format. */

/** Of one example, in UTF-16 units. No model's context takes more than a fraction of this. */
export const longestExample = 2 ** 20;
export const mostExamples = 2 ** 20;
/** Of one CSV row: many times the columns that there are, so that a row with a comma too many is still counted. */
export const mostCells = 1000;
