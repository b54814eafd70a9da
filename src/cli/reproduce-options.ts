/** Parses the options of `pith reproduce`. */
import { PithError } from "../errors.ts";
import {
  PAPER_ALPHAS,
  PAPER_ALPHAS_OF_YEARS,
  PAPER_REPEATS,
  PAPER_TASKS,
} from "../experiments/paper-settings.ts";
import { logSpaced } from "../experiments/sweep-plan.ts";
import { wholeNumbers } from "../number-range.ts";
import { quote, shorten } from "../printable.ts";
import { parseIn } from "./option-values.ts";

/** `--quick`: the same figures with less work. */
export const quick = {
  ...{ seeds: 2, alphas: logSpaced(1e-5, 1, 8), timingBudget: 200 },
  alphasOf: new Map([["greater-than", logSpaced(1e-5, 10, 8)]]),
} as const;
export const full = {
  ...{ seeds: PAPER_REPEATS, alphas: PAPER_ALPHAS, timingBudget: 1000 },
  alphasOf: new Map([["greater-than", PAPER_ALPHAS_OF_YEARS]]),
} as const;
export const defaultTasks = PAPER_TASKS;

export const parseBudget = parseIn("--timing-budget", {
  ...wholeNumbers(1, 600_000),
  wanted: "milliseconds from 1 to 600000",
});

/**
 * "TASK=VALUE", once for each task; collects the values.
 * @throws PithError "options" that names the option.
 */
export function perTask(option: string, example: string) {
  return (text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> => {
    const at = text.indexOf("=");
    const [task, value] = [text.slice(0, at), text.slice(at + 1)];
    if (at < 1 || value === "")
      throw invalid(option, text, "TASK=VALUE", `For example ${option} ${example}.`);
    if (before.has(task)) throw invalid(option, text, "each task once", "");
    return new Map([...before, [task, value]]);
  };
}

/** @throws PithError "options" if a value is for a task that is not run. */
export function checkTasks(
  option: string,
  values: ReadonlyMap<string, unknown>,
  tasks: readonly string[],
): void {
  const other = [...values.keys()].find((task) => !tasks.includes(task));
  if (other === undefined) return;
  throw new PithError("options", `there is no task ${quote(other)} in this run.`, {
    place: { field: option },
    advice: `It runs ${tasks.join(", ")}.`,
  });
}

function invalid(option: string, text: string, expected: string, advice: string): PithError {
  return new PithError("options", `expected ${expected}, found ${JSON.stringify(shorten(text, 40))}.`, {
    place: { field: option },
    advice,
  });
}
