#!/usr/bin/env node
/** The command line: `pith` and its subcommands. What it does is the library's; this folder asks and tells. */
import { runCommandLine } from "./command-line.ts";
import { quietOnBrokenPipe } from "./streams.ts";

// ONNX Runtime's packages report to their maker unless told not to, before the first session.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
quietOnBrokenPipe();
// Not process.exit: what is still on its way to a pipe would be lost.
process.exitCode = await runCommandLine(process.argv);
