/** The commands, their options and their help: from the words of a command line to an exit code. */
import { Command, CommanderError } from "commander";
import { packageVersion } from "../files/package-files.ts";
import { benchCommand } from "./bench-command.ts";
import type { CommandContext } from "./command-context.ts";
import { compileCommand } from "./compile-command.ts";
import { convertCommand } from "./convert-command.ts";
import { distillCommand } from "./distill-command.ts";
import { evalCommand } from "./eval-command.ts";
import { evidenceCommand } from "./evidence-command.ts";
import { extractCommand } from "./extract-command.ts";
import { reportFailure, reportUsage } from "./failure.ts";
import { inspectCommand } from "./inspect-command.ts";
import { rankCommand } from "./rank-command.ts";
import { reportCommand } from "./report-command.ts";
import { reproduceCommand } from "./reproduce-command.ts";
import { runCommand } from "./run-command.ts";
import { shareCommand } from "./share-command.ts";
import { printNote, printReport } from "./streams.ts";
import { studioCommand } from "./studio-command.ts";
import { sweepCommand } from "./sweep-command.ts";
import { tasksCommand } from "./tasks-command.ts";
import { tuneCommand } from "./tune-command.ts";

/**
 * @param argv as process.argv: the runtime, the script, then the user's words.
 * @returns the exit code: 0, 2 for bad input, 130 when interrupted, 1 for a bug.
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const context: CommandContext = {
    words: argv.slice(2),
    exit(code) {
      exitCode = code;
    },
  };
  const program = createProgram(context);
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    // An error in the options may occur before this option is parsed.
    const json = context.words.includes("--json");
    return error instanceof CommanderError ? reportUsage(error, { json }) : reportFailure(error, { json });
  }
}

/** The program with all its commands; nothing is parsed or run yet. @internal */
export function createProgram(context: CommandContext): Command {
  const program = new Command("pith")
    .description("Finds the part of a language model that does one task, and makes a model of its own of it.")
    .version(packageVersion(), "-V, --version", "Print the version.")
    .helpOption("-h, --help", "Print this help.")
    .helpCommand("help [command]", "Print a command's help.")
    .configureOutput({
      writeOut: (text) => printReport(() => text.trimEnd()),
      writeErr: (text) => printNote(text.trimEnd()),
    })
    .showHelpAfterError("(--help lists what there is)")
    .exitOverride();
  for (const command of [
    extractCommand,
    evalCommand,
    evidenceCommand,
    runCommand,
    inspectCommand,
    reportCommand,
    shareCommand,
    convertCommand,
    benchCommand,
    compileCommand,
    distillCommand,
    tuneCommand,
    sweepCommand,
    rankCommand,
    reproduceCommand,
    tasksCommand,
    studioCommand,
  ]) {
    program.addCommand(inherit(command(context), program));
  }
  return program;
}

/** Commands inside commands get the same error handling and output; by default commander exits with 1 there. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}
