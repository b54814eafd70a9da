#!/usr/bin/env node
/** The command line: `pith` and its subcommands. What it does is the library's; this folder asks and tells. */
import { reportFailure } from "./failure.ts";
import { quietOnBrokenPipe } from "./streams.ts";

// ONNX Runtime's packages report to their maker unless told not to, before the first session.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
quietOnBrokenPipe();
// Not process.exit: what is still on its way to a pipe would be lost.
process.exitCode = await run();

/** The rest is loaded here, so that a machine that can't open its files is told about like any other fault. */
async function run(): Promise<number> {
  try {
    const { runCommandLine } = await import("./command-line.ts");
    return await runCommandLine(process.argv);
  } catch (error) {
    return reportFailure(error);
  }
}
