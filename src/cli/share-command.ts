/** `pith share`: writes circuits as a static site that runs them in the visitor's browser. */
import { Command } from "commander";
import { PithError } from "../errors.ts";
import type { CircuitFolder } from "../export/read-folder.ts";
import type { Task } from "../jobs/read-task.ts";
import { type SharedSite, shareCircuits } from "../jobs/share/share.ts";
import { formatBytes, plural } from "../report/format.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption } from "./common-options.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { printNote } from "./streams.ts";

interface Flags {
  readonly out: string;
  readonly title?: string;
  readonly task?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function shareCommand({ exit }: CommandContext): Command {
  return new Command("share")
    .summary("Make a web site on which circuits run in the visitor's browser.")
    .description(
      "Makes a folder of plain files for any web host, under any path: visitors see what was kept and measured, and ask the circuit in their own browser. There is no server behind it, and nothing that they type leaves the page.",
    )
    .argument("<dirs...>", "Folders that `pith extract` wrote.")
    .requiredOption("-o, --out <dir>", "The site's folder.")
    .option("--title <text>", "The site's title (default: the model's and the task's name)")
    .option("-t, --task <name|file>", "The task whose prompts are offered (default: its own, if known here)")
    .addOption(forceOption("Replace the site if it exists."))
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith share ioi-circuit --out site && npx http-server site")
    .action(async (directories: readonly string[], flags: Flags) => {
      exit(await perform((work) => run(directories, flags, work), flags));
    });
}

async function run(
  directories: readonly string[],
  flags: Flags,
  { signal, onEvent }: CommandWork,
): Promise<Outcome> {
  const circuits = [];
  for (const directory of directories) {
    circuits.push({ directory, task: await findTask(await readShipped(directory, { whole: true }), flags) });
  }
  const { title, force } = flags;
  const site = await shareCircuits(circuits, flags.out, { title, force, signal, onEvent });
  return { json: site, report: () => siteReport(flags.out, site) };
}

/** The task as `pith eval` finds it; without it, the site has no example prompts and says so. */
async function findTask(folder: CircuitFolder, { task }: Flags): Promise<Task | undefined> {
  try {
    return await taskForCircuit(folder, task === undefined ? {} : { task });
  } catch (error) {
    if (task !== undefined || !(error instanceof PithError) || error.code !== "options") throw error;
    printNote(
      `The task "${folder.circuit.task.name}" is not known here, so no prompts are offered; --task says where it is.`,
    );
    return undefined;
  }
}

function siteReport(out: string, { circuits, runtime, bytes }: SharedSite): string {
  const own = circuits.reduce((sum, circuit) => sum + circuit.bytes, 0);
  const engines = runtime.map((file) => formatBytes(file.bytes)).join(" or ");
  return [
    ` ${out}: ${plural(circuits.length, "circuit")}, ${formatBytes(bytes)}`,
    `   circuits ${formatBytes(own)}`,
    `   a visitor also fetches ONNX Runtime, ${engines} before compression`,
    `   try it: npx http-server ${out}`,
  ].join("\n");
}
