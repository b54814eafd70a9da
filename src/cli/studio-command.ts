/** `pith studio`: runs the local web app until Ctrl-C. */
import { homedir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import { openBrowser } from "../server/open-browser.ts";
import type { CommandContext } from "./command-context.ts";
import { threadsOption } from "./common-options.ts";
import { reportFailure } from "./failure.ts";
import { watchInterruptions } from "./interruption.ts";
import { printJson, printNote, printReport } from "./streams.ts";

interface Flags {
  readonly port?: number;
  readonly data?: string;
  readonly root?: readonly string[];
  readonly open: boolean;
  readonly threads?: number;
  readonly json?: boolean;
}

export function studioCommand({ exit }: CommandContext): Command {
  return new Command("studio")
    .summary("Watch a circuit appear, then use it, in a browser.")
    .description(
      "Starts a local web app in which circuits are extracted, looked into and tried out. It answers this machine alone, and only who has the address that it prints.",
    )
    .addOption(
      new Option("--port <port>", "Where to listen (default: any that is free)").argParser(parsePort),
    )
    .option("--data <dir>", "Where runs and their circuits are kept (default: ~/.cache/pith/studio)")
    .option(
      "--root <dir>",
      "A folder in which the studio may open models; again for more (default: this folder)",
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option("--no-open", "Only print the address; do not open a browser.")
    .addOption(threadsOption())
    .option("--json", "Print one JSON object on stdout: url, port, data.")
    .addHelpText("after", "\nExample:\n  $ pith studio --root ~/models")
    .action(async (flags: Flags) => exit(await run(flags)));
}

async function run(flags: Flags): Promise<number> {
  const { signal, stop } = watchInterruptions(() => {});
  const data = flags.data ?? join(homedir(), ".cache", "pith", "studio");
  try {
    // Loaded here, so that other commands do not wait for a web server.
    const { startStudio } = await import("../server/server.ts");
    const studio = await startStudio({
      ...{ port: flags.port, dataFolder: data, roots: flags.root ?? ["."] },
      ...{ threads: flags.threads, onNote: printNote },
    });
    try {
      if (flags.json === true) printJson({ url: studio.url, port: studio.port, data });
      else printReport(() => `The studio is at\n  ${studio.url}\nCtrl-C ends it.`);
      // Every user of this machine can read the browser's arguments, so they must not contain the token.
      if (flags.open) openBrowser(studio.openingUrl());
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
    } finally {
      await studio.close();
    }
    return 0;
  } catch (error) {
    return reportFailure(error, flags);
  } finally {
    stop();
  }
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 1 && port <= 65_535) return port;
  throw new PithError("options", `expected a whole number from 1 to 65535, found ${quote(text)}.`, {
    place: { field: "--port" },
  });
}
