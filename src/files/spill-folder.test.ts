import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { claimOutputFolder } from "./output-folder.ts";
import { openSpillFolder } from "./spill-folder.ts";

const room = await mkdtemp(join(tmpdir(), "pith-spill-"));
afterAll(() => rm(room, { recursive: true, force: true }));

test("what is written is read back, bit for bit, and free places are used again", async () => {
  const spill = await openSpillFolder(join(room, "a", "circuit"));
  expect(dirname(spill.path)).toBe(join(room, "a"));
  const [one, two] = [Float32Array.of(1.5, -0, Number.NaN), Float32Array.of(7, 8)];
  // A view into a larger array: its own bytes alone are written.
  const places = [await spill.write(one), await spill.write(Float32Array.of(0, ...two).subarray(1))] as const;
  expect(new Uint32Array((await spill.read(places[0])).buffer)).toEqual(new Uint32Array(one.buffer));
  expect(await spill.read(places[1])).toEqual(two);
  spill.free(places[0]);
  const again = await spill.write(Float32Array.of(4, 5, 6));
  expect(await spill.read(again)).toEqual(Float32Array.of(4, 5, 6));
  expect((await stat(join(spill.path, "streams.f32"))).size).toBe(20);
  expect(spill.traffic()).toEqual({ written: 32, read: 32 });
  expect(() => spill.free(places[0])).toThrow(RangeError);
  await expect(spill.read(places[0])).rejects.toThrow(RangeError);
  await spill.close();
  await spill.close();
  expect(await readdir(join(room, "a"))).toEqual([]);
});

test("a file that is cut meanwhile is a plain error", async () => {
  const spill = await openSpillFolder(join(room, "cut"));
  const place = await spill.write(new Float32Array(100));
  await truncate(join(spill.path, "streams.f32"), 12);
  await expect(spill.read(place)).rejects.toThrow("was cut while it was in use");
  await spill.close();
});

test.runIf(existsSync("/dev/full"))("a full disk is a plain error", async () => {
  const spill = await openSpillFolder(join(room, "full"), () => "/dev/full");
  await expect(spill.write(new Float32Array(2 ** 16))).rejects.toThrow("the disk is full");
  await spill.close();
});

test("the next process that claims the output removes what a killed one left, and nothing that is in use", async () => {
  const out = join(room, "claimed");
  const [left, other] = [join(room, ".claimed.spill-999999999"), join(room, ".another.spill-999999999")];
  for (const folder of [left, other]) {
    await mkdir(folder);
    await writeFile(join(folder, "streams.f32"), "left");
  }
  const release = await claimOutputFolder(out, {
    force: false,
    marker: "circuit.json",
    kind: "circuit folder",
  });
  expect(existsSync(left)).toBe(false);
  expect(existsSync(other)).toBe(true);
  await release();
});
