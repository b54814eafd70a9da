/** `pith run`: shows the next tokens that a circuit predicts. */

import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { Dtype } from "../export/dtype.ts";
import { mainDtype } from "../export/formats.ts";
import type { SearchSettings } from "../jobs/extract/extract-options.ts";
import { loadCircuit } from "../jobs/load-circuit.ts";
import { predictionsReport } from "../report/terminal-summary.ts";
import type { CommandContext } from "./command-context.ts";
import { jsonOption } from "./common-options.ts";
import { openedDtypeOption } from "./dtype-options.ts";
import { deviceOption, parseTop } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { noteOpened } from "./read-shipped.ts";

interface Flags {
  readonly prompt: string;
  readonly top: number;
  readonly device: SearchSettings["device"];
  readonly dtype?: Dtype;
  readonly json?: boolean;
}

export function runCommand({ exit }: CommandContext): Command {
  return new Command("run")
    .summary("Show the next tokens that a circuit expects.")
    .description("Prints the most likely next tokens after a prompt, with their probabilities.")
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .requiredOption("-p, --prompt <text>", "What comes before the token.")
    .addOption(new Option("--top <count>", "How many tokens to show.").default(5).argParser(parseTop))
    .addOption(deviceOption())
    .addOption(openedDtypeOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      '\nExample:\n  $ pith run ioi-circuit \\\n      --prompt "Then, Al and Bo went to the market. Al gave a snack to"',
    )
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

async function run(
  directory: string,
  { prompt, top, device, dtype }: Flags,
  { closing }: CommandWork,
): Promise<Outcome> {
  const circuit = closing(await loadCircuit(directory, { device, dtype }));
  noteOpened(circuit);
  const predictions = await circuit.predict(prompt, top);
  return {
    json: { folder: resolve(directory), dtype: mainDtype(circuit.circuit), prompt, predictions },
    report: (style) => predictionsReport(predictions, style),
  };
}
