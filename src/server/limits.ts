/** How much a run that a page starts may ask for; pages say so before they send it. */
import { wholeNumbers } from "../number-range.ts";

/** Of a sweep. */
export const mostThresholds = 200;
export const thresholdCount = wholeNumbers(1, mostThresholds);
