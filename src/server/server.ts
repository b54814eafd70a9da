/**
 * `pith studio`: one server on this machine's own address, with its runs, models and pages. When it ends, the
 * current run is stopped, and the next server continues it.
 */

import type { Server } from "node:http";
import { resolve } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import { makeFolders } from "../files/make-folders.ts";
import { packagePath } from "../files/package-files.ts";
import { createStudioApp } from "./app.ts";
import { lockFolder } from "./folder-lock.ts";
import { createLaboratories } from "./laboratory/laboratories.ts";
import { createModels } from "./models.ts";
import { createOneTimeCodes } from "./one-time-codes.ts";
import { openRuns } from "./runs/runs.ts";
import { createToken } from "./security.ts";

export interface StudioOptions {
  /** Left out: any free port. */
  readonly port?: number | undefined;
  /** The folder for runs and their circuits. */
  readonly dataFolder: string;
  /** Folders in which pages may name models. */
  readonly roots: readonly string[];
  readonly threads?: number | undefined;
  /** The folder of built pages; left out: the package's own. */
  readonly pages?: string | undefined;
  /** Called with notes about unusual things that are not errors. */
  readonly onNote?: ((message: string) => void) | undefined;
}

export interface Studio {
  /** The address, with the token that opens it. */
  readonly url: string;
  readonly port: number;
  /** The address for starting a browser: it opens the studio once, within two minutes. */
  openingUrl(): string;
  close(): Promise<void>;
}

const address = "127.0.0.1";

/** @throws PithError "options" for a port in use or a root that is not a folder; "output" for the data folder. */
export async function startStudio(options: StudioOptions): Promise<Studio> {
  const { threads, onNote = () => {} } = options;
  const dataFolder = resolve(options.dataFolder);
  const models = await createModels(options.roots);
  const token = createToken();
  const codes = createOneTimeCodes();
  let port = 0;
  let handle: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 503 });
  const server = createAdaptorServer({ fetch: (request: Request) => handle(request) }) as Server;
  await makeFolder(dataFolder);
  port = await listen(server, options.port ?? 0);
  let unlock: (() => Promise<void>) | undefined;
  try {
    unlock = await lockFolder(dataFolder);
    const runs = await openRuns({ dataFolder, models, threads, onNote });
    const laboratories = createLaboratories({ models, threads });
    const pages = options.pages ?? packagePath("dist/web");
    const doors = { token, codes, port: () => port };
    const app = createStudioApp({ ...doors, models, runs, laboratories, pages, threads });
    handle = (request) => app.fetch(request);
    const release = unlock;
    // The first page will need it.
    models.open("").catch((error: unknown) => onNote(String(error)));
    return {
      url: `http://${address}:${port}/?token=${token}`,
      port,
      openingUrl: () => `http://${address}:${port}/?code=${codes.issue()}`,
      async close() {
        const closed = new Promise<void>((done) => server.close(() => done()));
        await runs.close();
        server.closeAllConnections();
        await closed;
        await laboratories.close();
        await models.close();
        await release();
      },
    };
  } catch (error) {
    await unlock?.();
    server.close();
    server.closeAllConnections();
    throw error;
  }
}

async function listen(server: Server, port: number): Promise<number> {
  return new Promise((done, fail) => {
    server.once("error", (error) => {
      const code = errorCode(error);
      const why =
        code === "EADDRINUSE"
          ? "is taken by another program."
          : code === "EACCES"
            ? "may not be listened on by this user."
            : `can't be listened on: ${error.message}`;
      const place = { field: "--port" };
      const advice = "Choose another, or leave it out for any that is free.";
      fail(new PithError("options", `${port} ${why}`, { place, advice, cause: error }));
    });
    server.listen(port, address, () => {
      const bound = server.address();
      done(typeof bound === "object" && bound !== null ? bound.port : port);
    });
  });
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder, 0o700);
  } catch (error) {
    throw fileError("output", folder, error);
  }
}
