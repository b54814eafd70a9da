/** The routes below /api/runs/:id that return the result of a finished run, as files, an archive or a site. */
import { Hono } from "hono";
import { quote } from "../../printable.ts";
import { Refusal } from "../answer-error.ts";
import { sendFile } from "../listed-files.ts";
import type { SharedSites } from "../shared-site.ts";
import { zipFiles } from "../zip-folder.ts";
import { resultFiles } from "./result-files.ts";
import { expectCircuit, expectDone, type Run, runName } from "./run.ts";
import { expectResult } from "./run-folder.ts";
import { runOfRequest } from "./run-of-request.ts";
import type { Runs } from "./runs.ts";

export interface ResultRouteParts {
  readonly runs: Runs;
  readonly sites: SharedSites;
}

export function createResultRoutes({ runs, sites }: ResultRouteParts): Hono {
  const routes = new Hono();
  routes.get("/:id/files/*", async (context) => {
    const run = runOfRequest(runs, context);
    expectDone(run);
    const { record } = run;
    const prefix = `/api/runs/${record.id}/files/`;
    const name = context.req.path.slice(prefix.length);
    const file = (await resultFiles(record)).find((each) => each.name === name);
    if (file === undefined) {
      throw new Refusal(404, "file", `${runName(record)} has no file ${quote(name)} in its result.`);
    }
    const { method } = context.req;
    return sendFile(file, { method, ifNoneMatch: context.req.header("if-none-match") }, "no-cache");
  });
  routes.get("/:id/zip", async (context) => {
    const run = runOfRequest(runs, context);
    expectDone(run);
    const { record } = run;
    const name = archiveName(record);
    return sendZip(zipFiles(await resultFiles(record), name), name);
  });
  routes.get("/:id/share", async (context) => {
    const run = runOfRequest(runs, context);
    expectCircuit(run);
    await expectResult(run.record);
    const name = archiveName(run.record).replace(/-circuit$/, "-site");
    return sendZip(zipFiles(await sites.of(run.record), name), name);
  });
  return routes;
}

/** Made of its model, task and kind: letters, digits and dashes. */
function archiveName({ taskName, modelName, request }: Run["record"]): string {
  const plain = (text: string) => text.replace(/^.*[/\\]/, "").replace(/[^\w.]+/g, "-");
  return `${plain(modelName)}-${plain(taskName)}-${request.kind === "extract" ? "circuit" : "sweep"}`;
}

function sendZip(archive: ReadableStream<Uint8Array>, name: string): Response {
  return new Response(archive, {
    headers: {
      "Content-Type": "application/zip",
      "Content-Disposition": `attachment; filename="${name}.zip"`,
    },
  });
}
