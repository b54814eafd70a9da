/** `pith inspect`: shows the map of a circuit, and the numbers that were measured when it was made. */
import { resolve } from "node:path";
import { Command } from "commander";
import { circuitJson } from "../export/circuit-json.ts";
import { circuitReport } from "../report/terminal-summary.ts";
import type { CommandContext } from "./command-context.ts";
import { jsonOption } from "./common-options.ts";
import { type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";

interface Flags {
  readonly json?: boolean;
}

export function inspectCommand({ exit }: CommandContext): Command {
  return new Command("inspect")
    .summary("Show what a circuit keeps, and its numbers.")
    .description("Prints a circuit's picture, and what was measured when it was made.")
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith inspect ioi-circuit")
    .action(async (directory: string, flags: Flags) => {
      exit(await perform(() => run(directory), flags));
    });
}

async function run(directory: string): Promise<Outcome> {
  const { record: circuit } = await readShipped(directory, { whole: true });
  return {
    json: { folder: resolve(directory), ...circuitJson(circuit) },
    report: (style) => circuitReport(directory, circuit, style),
  };
}
