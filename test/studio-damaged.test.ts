/** Runs whose files were damaged, removed or replaced behind the studio's back: the others live. */
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RunDetail, RunSummary } from "../src/server/api.ts";
import { type OpenStudio, openStudio } from "./support/studio-client.ts";

const options = {
  ...{ alpha: 0.5, ablation: "zero", mlps: false, means: "aligned", order: "published", seed: 0 },
} as const;

let dataFolder: string;
let studio: OpenStudio;
let good: string;
let bad: string;
const at = (id: string, ...names: string[]) => join(dataFolder, "runs", id, ...names);

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), "pith-studio-damaged-"));
  studio = await openStudio({ dataFolder });
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trim().split("\n");
  const text = ["patching", "validation", "test"]
    .flatMap((split) => lines.filter((line) => line.includes(`"${split}"`)).slice(0, 4))
    .join("\n");
  const task = { kind: "text", name: "few", format: "jsonl", text };
  const request = { kind: "extract", model: "", task, options };
  good = (await studio.post<RunSummary>("/api/runs", request)).id;
  bad = (await studio.post<RunSummary>("/api/runs", request)).id;
  for (const id of [good, bad]) await studio.until(id, "done");
});
afterAll(async () => {
  await studio.close();
  await rm(dataFolder, { recursive: true, force: true });
});

async function restart(): Promise<void> {
  await studio.close();
  studio = await openStudio({ dataFolder });
}
const states = async () =>
  new Map((await studio.get<RunSummary[]>("/api/runs")).map(({ id, state }) => [id, state]));
const answer = async (path: string) => {
  const response = await studio.send("GET", path);
  return { status: response.status, body: (await response.json()) as { error?: { message: string } } };
};

beforeEach(async () => {
  expect(await states()).toEqual(
    new Map([
      [good, "done"],
      [bad, "done"],
    ]),
  );
});

it.each([
  ["events.jsonl", "\nno event\n"],
  ["events.jsonl", '{"kind":"decision"}\n'],
  ["state.json", "{"],
])(
  "a run with a damaged %s (%j) is shown as damaged, and can be read again when that is mended",
  async (name, added) => {
    const whole = await readFile(at(bad, name), "utf8");
    await appendFile(at(bad, name), added);
    await restart();
    expect(await states()).toEqual(
      new Map([
        [good, "done"],
        [bad, "damaged"],
      ]),
    );
    const detail = await studio.get<RunDetail>(`/api/runs/${bad}`);
    expect(detail).toMatchObject({ state: "damaged", taskName: "few", decisions: [] });
    expect(detail.error).toMatchObject({ code: "damaged", message: expect.stringContaining(at(bad, name)) });
    for (const action of ["pause", "resume", "cancel"]) {
      expect((await studio.send("POST", `/api/runs/${bad}/${action}`)).status).toBe(409);
    }
    expect(await answer(`/api/runs/${bad}/zip`)).toMatchObject({ status: 409 });
    expect((await studio.get<RunDetail>(`/api/runs/${good}`)).circuit?.kept).toBeDefined();
    await writeFile(at(bad, name), whole);
    await restart();
  },
);

const routes = ["", "/zip", "/share", "/examples", "/files/circuit.json"];

it("a run whose circuit is gone says so, on every route", async () => {
  await rename(at(bad, "circuit"), at(bad, "elsewhere"));
  for (const route of routes) {
    const { status, body } = await answer(`/api/runs/${bad}${route}`);
    expect([route, status]).toEqual([route, 404]);
    expect(body.error?.message).toContain(
      `the run is done, but its folder "circuit" is gone from ${at(bad)}`,
    );
  }
  await rename(at(bad, "elsewhere"), at(bad, "circuit"));
});

it("a circuit that became a link is not followed", async () => {
  await rename(at(bad, "circuit"), at(bad, "elsewhere"));
  await symlink(at(good, "circuit"), at(bad, "circuit"));
  for (const route of routes) {
    const { status, body } = await answer(`/api/runs/${bad}${route}`);
    expect([route, status]).toEqual([route, 409]);
    expect(body.error?.message).toContain('"circuit"');
    expect(body.error?.message).toContain("is no folder but a link or a file");
  }
  await rm(at(bad, "circuit"));
  await rename(at(bad, "elsewhere"), at(bad, "circuit"));
});

it("a circuit.json that is none is a plain error", async () => {
  const whole = await readFile(at(bad, "circuit", "circuit.json"));
  await writeFile(at(bad, "circuit", "circuit.json"), "{");
  expect(await answer(`/api/runs/${bad}`)).toMatchObject({ status: 400 });
  await writeFile(at(bad, "circuit", "circuit.json"), whole);
});

it("of a site that was made before, the site's own files go out and no others", async () => {
  const names = async () => {
    const zip = await (await studio.send("GET", `/api/runs/${good}/share`)).arrayBuffer();
    return Object.keys(unzipSync(new Uint8Array(zip))).sort();
  };
  const before = await names();
  expect(before.some((name) => name.endsWith("/index.html"))).toBe(true);
  const [site = ""] = (await readdir(at(good))).filter((name) => /^site-[\d.]+$/.test(name));
  await writeFile(at(good, site, "notes.txt"), "not for the web");
  await mkdir(at(good, site, "circuits", "mine"));
  await writeFile(at(good, site, "circuits", "mine", "notes.txt"), "not for the web");
  expect(await names()).toEqual(before);
  // What is no longer whole is made anew.
  await rm(at(good, site, "index.html"));
  expect(await names()).toEqual(before);
});

it("a damaged run can be deleted", async () => {
  await appendFile(at(bad, "events.jsonl"), "no event\n");
  await restart();
  expect((await studio.send("DELETE", `/api/runs/${bad}`)).status).toBe(204);
  expect(await readdir(join(dataFolder, "runs"))).toEqual([good]);
  expect(await states()).toEqual(new Map([[good, "done"]]));
});
