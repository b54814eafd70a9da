import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { folderName, loadModel } from "./load-model.ts";

describe("a model's name", () => {
  test.each([
    ["models/nano", "nano"],
    ["./models/../models/nano/", "nano"],
    [resolve("models/nano"), "nano"],
    [undefined, "nano"],
    ["nano", "nano"],
  ])("of %s does not say where it lies", async (given, name) => {
    const model = await loadModel(given);
    await model.close();
    expect(model.name).toBe(name);
    expect(model.directory).toBe(resolve("models/nano"));
  });

  test.each([
    ["/home/me/.cache/huggingface/hub/models--org--small-model/snapshots/0123abc", "org/small-model"],
    ["/cache/models--gpt2/snapshots/0123abc", "gpt2"],
    ["/home/me/snapshots/mine", "mine"],
    ["/", "model"],
  ])("of the folder %s is %s", (folder, name) => {
    expect(folderName(folder)).toBe(name);
  });

  test("a folder that is not there is told by its path, since only who asked reads it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pith-name-"));
    await rm(folder, { recursive: true });
    await expect(loadModel(folder)).rejects.toThrow(folder);
  });
});
