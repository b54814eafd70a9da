/** `pith extract`: makes a circuit's folder from a model and a task. */

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { Command } from "commander";
import { PithError } from "../errors.ts";
import { checkCircuitFolder } from "../export/write-folder.ts";
import { journalPath } from "../files/journal.ts";
import { compileFolder } from "../jobs/compile/compile.ts";
import { checkExtractOptions } from "../jobs/extract/check-extract-options.ts";
import { checkHeadRank } from "../jobs/extract/cut-heads.ts";
import { extract } from "../jobs/extract/extract.ts";
import { rememberOriginal } from "../jobs/known-originals.ts";
import { loadModel } from "../jobs/load-model.ts";
import type { Task } from "../jobs/read-task.ts";
import { compilationReport } from "../report/terminal-compiled.ts";
import { extractionReport } from "../report/terminal-summary.ts";
import { withCircuitJson } from "./circuit-json-output.ts";
import type { CommandContext } from "./command-context.ts";
import { type ExtractFlags, extractCommandOptions, extractOptionsOf } from "./extract-flags.ts";
import { commandToCopy, programName, resumeCommand } from "./invocation.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { flagOf } from "./setting-options.ts";
import { printNote } from "./streams.ts";
import { readTaskAndModel } from "./task-option.ts";

export function extractCommand({ words, exit }: CommandContext): Command {
  const command = new Command("extract")
    .summary("Find a task's circuit and write it as a model of its own.")
    .description(
      "Finds the attention heads, MLPs and neurons that a task needs, removes all others, and writes what is left as a " +
        "model of its own. Without options it does so for a small model and a task that come with Pith.",
    );
  for (const option of extractCommandOptions()) command.addOption(option);
  return command
    .addHelpText(
      "after",
      "\nExample:\n  $ pith extract --model openai-community/gpt2 --task ioi.jsonl --out ioi",
    )
    .action(async (given: ExtractFlags) => {
      // A target chooses its own α; the default is not the user's choice.
      const { alpha, ...rest } = given;
      const flags = command.getOptionValueSource("alpha") === "default" ? rest : { ...rest, alpha };
      const resume = resumeCommand(programName(process.argv[1]), words);
      exit(
        await perform((work) => run(flags, work), {
          ...flags,
          afterInterruption: `go on with:\n  ${resume}`,
        }),
      );
    });
}

async function run(flags: ExtractFlags, { signal, onEvent, closing }: CommandWork): Promise<Outcome> {
  const options = extractOptionsOf(flags);
  checkExtractOptions(options, flagOf);
  const { task, model } = await readTaskAndModel(flags, () => loadModel(flags.model, { signal, onEvent }), {
    closing,
    signal,
  });
  checkHeadRank(model.transformer, options.headRank, flagOf);
  const out = flags.out ?? join("pith-out", `${basename(model.name)}-${folderName(task, flags.seed)}`);
  if (flags.resume === true && !existsSync(journalPath(out)))
    printNote(`There is no interrupted search for ${out}: this one starts anew.`);
  if (flags.compile === true) await checkCompile(flags, `${out}-compiled`);
  const extraction = await extract(model, task, out, { ...options, signal, onEvent });
  await rememberOriginal(model, extraction.circuit.model.files);
  const example = task.examples.find(({ split }) => split === "test") ?? task.examples[0];
  const next = commandToCopy(programName(process.argv[1]), [
    ["run", out],
    ["--prompt", example?.prompt ?? ""],
  ]);
  const compilation =
    flags.compile === true
      ? await compileFolder(out, `${out}-compiled`, {
          ...{
            task,
            original: model,
            target: flags.target,
            threads: flags.threads,
            force: flags.force,
            signal,
            onEvent,
          },
        })
      : undefined;
  return {
    json: {
      ...withCircuitJson(extraction),
      ...(compilation && { compilation: withCircuitJson(compilation) }),
    },
    report: (style) =>
      [
        extractionReport(extraction, { next }, style),
        ...(compilation ? [compilationReport(compilation.folder, compilation.circuit, style)] : []),
      ].join("\n"),
  };
}

/**
 * A built-in task of another seed, or a task file of the same name, has other prompts, so it gets another folder.
 */
function folderName({ name, builtin }: Task, seed: number): string {
  return builtin === undefined ? name : `${name}-seed${seed}`;
}

/** Checked before the search, so that an option that excludes compiling is reported at once. */
async function checkCompile(
  { means, dtype, memory, force = false }: ExtractFlags,
  out: string,
): Promise<void> {
  if (memory !== undefined) {
    throw new PithError("options", "can't go with --memory: compiling has no bound.", {
      place: { field: "--compile" },
      advice: "Compile the circuit afterwards, with pith compile.",
    });
  }
  if (means === "aligned" && dtype.includes("f32")) return checkCircuitFolder(out, { force });
  throw new PithError("options", "takes circuits of one prompt length, in float32.", {
    place: { field: "--compile" },
    advice: "Leave out --means pooled and --dtype; pith compile --dtype narrows what it has compiled.",
  });
}
