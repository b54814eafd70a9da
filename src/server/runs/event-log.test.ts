import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunEvent } from "../api.ts";
import { openEventLog } from "./event-log.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-events-"));
  path = join(folder, "events.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

const events: readonly RunEvent[] = [
  { kind: "state", state: "queued" },
  { kind: "step", step: "search" },
  { kind: "search", layers: 2, headsPerLayer: [1, 1], candidates: 4 },
  {
    ...{ kind: "decision", done: 1, total: 4 },
    decision: { layer: 1, component: "head.0", kl: 0.1, delta: 0.1, pruned: false },
  },
  { kind: "state", state: "failed", error: { code: "output", message: "the disk is full" } },
];
const write = async () => {
  const log = await openEventLog(path);
  for (const event of events) await log.append(event);
};
const told = async () => (await openEventLog(path)).after(0).map(({ event }) => event);

test("what was told is there again, in its places", async () => {
  await write();
  const log = await openEventLog(path);
  expect(log.length).toBe(5);
  expect(log.after(3)).toEqual([
    { sequence: 4, event: events[3] },
    { sequence: 5, event: events[4] },
  ]);
});

test("an event that could not be written comes with the next one, in its place", async () => {
  const log = await openEventLog(path);
  await log.append(events[0] as RunEvent);
  await rename(path, `${path}.aside`);
  await mkdir(path);
  const [first, second] = [log.append(events[1] as RunEvent), log.append(events[2] as RunEvent)];
  await expect(first).rejects.toMatchObject({ code: "output", place: { file: path } });
  await expect(second).rejects.toMatchObject({ code: "output" });
  await rm(path, { recursive: true });
  await rename(`${path}.aside`, path);
  await log.append(events[3] as RunEvent);
  expect(log.length).toBe(4);
  expect(await told()).toEqual(events.slice(0, 4));
});

test("a line that is torn is left out, and the next one stands in its place", async () => {
  await write();
  const text = await readFile(path, "utf8");
  await writeFile(path, text.slice(0, -10));
  const log = await openEventLog(path);
  expect(log.length).toBe(4);
  await log.append(events[4] as RunEvent);
  expect(await readFile(path, "utf8")).toBe(text);
});

test.each(["", "5", "null", "{}", '{"kind":"step"}', '{"kind":"decision","decision":{}}', "\0\0\0"])(
  "a damaged line (%j) is named, and nothing is changed",
  async (line) => {
    await write();
    const lines = (await readFile(path, "utf8")).split("\n");
    lines[1] = line;
    await writeFile(path, lines.join("\n"));
    await expect(openEventLog(path)).rejects.toMatchObject({
      code: "output",
      place: { file: path, line: 2 },
    });
    expect(await readFile(path, "utf8")).toBe(lines.join("\n"));
  },
);
