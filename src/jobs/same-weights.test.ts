import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isSame, weightFiles } from "./same-weights.ts";

const folder = await mkdtemp(join(tmpdir(), "pith-weights-"));
afterAll(() => rm(folder, { recursive: true }));

test("an open model's weights are read once, whatever is asked of them; a model that is opened anew is read anew", async () => {
  const path = join(folder, "model.safetensors");
  await writeFile(path, "abc");
  const open = () => ({ files: [{ path, size: 3 }] });
  const model = open();
  const listed = await weightFiles(model);
  // FIPS 180-2, appendix B.1.
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(listed).toEqual([{ name: "model.safetensors", bytes: 3, sha256 }]);
  await writeFile(path, "abd");
  expect(await isSame({ ...model }, listed)).toBe(true);
  expect(await isSame(open(), listed)).toBe(false);
  expect(await isSame({ files: [{ path, size: 4 }] }, listed)).toBe(false);
});
