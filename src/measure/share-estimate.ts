/** The share of right answers in a sample of prompts, with a confidence interval for all prompts. */
import { wilsonInterval } from "./wilson.ts";

/** The share of right answers in a sample of prompts, with a confidence interval for all prompts. */
export interface ShareEstimate {
  /** How many prompts were asked. */
  readonly prompts: number;
  /** How many were answered right. */
  readonly right: number;
  /** The share, right / prompts. */
  readonly accuracy: number;
  /** The 95 % interval (Wilson), two shares. */
  readonly interval: readonly [low: number, high: number];
}

/** @param prompts at least one. @throws RangeError otherwise, or if more are right than were asked. */
export function estimateShare(right: number, prompts: number): ShareEstimate {
  return { prompts, right, accuracy: right / prompts, interval: wilsonInterval(right, prompts) };
}
