/** The limits for a run that a page starts; pages report them before they send the request. */
import { wholeNumbers } from "../number-range.ts";

/** The most thresholds of a sweep. */
export const mostThresholds = 200;
export const thresholdCount = wholeNumbers(1, mostThresholds);
