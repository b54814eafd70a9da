#!/usr/bin/env node
/**
 * The command line: `pith` and its subcommands. The work is done by the library; this folder reads options and
 * prints results.
 */
import { reportFailure } from "./failure.ts";
import { quietOnBrokenPipe } from "./streams.ts";

// ONNX Runtime's packages send reports to Microsoft unless this is set before the first session.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
quietOnBrokenPipe();
// Not process.exit: output that is still on its way to a pipe would be lost.
process.exitCode = await run();

/** The rest is loaded here, so that an error when opening files is reported like any other. */
async function run(): Promise<number> {
  try {
    const { runCommandLine } = await import("./command-line.ts");
    return await runCommandLine(process.argv);
  } catch (error) {
    return reportFailure(error);
  }
}
