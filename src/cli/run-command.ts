/** `pith run`: what a circuit takes for the next token. */

import { Command, Option } from "commander";
import type { SearchSettings } from "../pipeline/extract-options.ts";
import { loadCircuit } from "../pipeline/load-circuit.ts";
import { predictionsReport } from "../report/terminal-summary.ts";
import type { CommandContext } from "./command-context.ts";
import { deviceOption, parseTop } from "./option-values.ts";
import { type Outcome, perform, type Work } from "./perform.ts";

interface Flags {
  readonly prompt: string;
  readonly top: number;
  readonly device: SearchSettings["device"];
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
    .option("--json", "Print one JSON object on stdout, instead of the report.")
    .addHelpText(
      "after",
      '\nExample:\n  $ pith run ioi-circuit --prompt "Then, Alice and Michael went to the market. Alice gave a snack to"',
    )
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

async function run(directory: string, { prompt, top, device }: Flags, { closing }: Work): Promise<Outcome> {
  const circuit = closing(await loadCircuit(directory, { device }));
  const predictions = await circuit.predict(prompt, top);
  return {
    json: { directory, prompt, predictions },
    report: (style) => predictionsReport(predictions, style),
  };
}
