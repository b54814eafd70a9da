/**
 * Options that many commands share. Each short and long name has the same meaning in every command, so each is
 * defined once, here.
 */
import { availableParallelism } from "node:os";
import { Option } from "commander";
import { parseThreads } from "./option-values.ts";
import { printNote } from "./streams.ts";

/** `--json`. @param otherwise what the command prints without it. */
export const jsonOption = (otherwise = "the report") =>
  new Option("--json", `Print one JSON object on stdout, instead of ${otherwise}.`);

/** `-f, --force`. @param effect what the command does with it, as a sentence. */
export const forceOption = (effect: string) => new Option("-f, --force", effect);

/** `-m, --model` of a command that takes a circuit: the model that the circuit was cut from. */
export const originalOption = (purpose = "The original") =>
  new Option(
    "-m, --model <dir|name>",
    `${purpose}: a folder, a GGUF file or a hub name (default: the model it was cut from, if on this machine)`,
  );

/**
 * `--threads` of a command that computes one thing at a time. @param choice how the number is chosen by default.
 */
export const threadsOption = (choice = "by the size of the work") =>
  new Option("--threads <count>", `How many threads compute (default: ${choice})`).argParser((text) =>
    atMostCores(parseThreads(text)),
  );

/** More threads than cores only wait for each other, and a very large number can't be started. */
export function atMostCores(threads: number): number {
  const cores = availableParallelism();
  if (threads <= cores) return threads;
  printNote(`--threads ${threads}: this machine has ${cores} cores, so ${cores} threads compute.`);
  return cores;
}
