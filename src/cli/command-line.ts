/** The commands, their options and their help: from the words of a command line to an exit code. */
import { Command, CommanderError } from "commander";
import { packageVersion } from "../pipeline/package-files.ts";
import type { CommandContext } from "./command-context.ts";
import { evalCommand } from "./eval-command.ts";
import { extractCommand } from "./extract-command.ts";
import { reportFailure, usageExitCode } from "./failure.ts";
import { inspectCommand } from "./inspect-command.ts";
import { runCommand } from "./run-command.ts";
import { tasksCommand } from "./tasks-command.ts";

/**
 * @param argv as process.argv: the runtime, the script, then the user's words.
 * @returns the exit code: 0, 2 where the input is at fault, 130 when interrupted, 1 for a bug.
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const context: CommandContext = {
    words: argv.slice(2),
    exit(code) {
      exitCode = code;
    },
  };
  const program = new Command("pith")
    .description("Finds the part of a language model that does one task, and makes a model of its own of it.")
    .version(packageVersion(), "-V, --version", "Print the version.")
    .helpOption("-h, --help", "Print this help.")
    .helpCommand("help [command]", "Print a command's help.")
    .showHelpAfterError("(--help lists what there is)")
    .exitOverride();
  for (const command of [extractCommand, evalCommand, runCommand, inspectCommand, tasksCommand]) {
    program.addCommand(command(context).copyInheritedSettings(program));
  }
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    return error instanceof CommanderError ? usageExitCode(error) : reportFailure(error);
  }
}
