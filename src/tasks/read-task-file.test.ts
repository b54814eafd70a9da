import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { readTaskFile } from "./read-task-file.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pith-task-"));
});
afterAll(() => rm(root, { recursive: true }));

async function failure(path: string): Promise<PithError> {
  const error = await readTaskFile(path).catch((thrown: unknown) => thrown);
  if (error instanceof PithError) return error;
  throw new Error(`expected a PithError, got ${String(error)}`);
}

test("reads the golden tasks", async () => {
  for (const name of ["nano-ioi", "nano-acronyms", "nano-greater-than"]) {
    const file = await readTaskFile(`test/golden/${name}.jsonl`);
    expect(file.name).toBe(name);
    const count = (split: string) => file.examples.filter((example) => example.split === split).length;
    expect([count("patching"), count("validation"), count("test")]).toEqual([150, 150, 0]);
  }
});

test("names the line that is not UTF-8", async () => {
  const path = join(root, "latin1.jsonl");
  await writeFile(
    path,
    Buffer.concat([
      Buffer.from('{"prompt": "é", "answer": "b"}\n\n'),
      Buffer.from('{"prompt": "é"}', "latin1"),
    ]),
  );
  const error = await failure(path);
  expect(error.place).toEqual({ file: path, line: 3 });
  expect(error.message).toContain("not UTF-8");
});

test("names the line of a malformed example", async () => {
  const path = join(root, "malformed.jsonl");
  await writeFile(path, '\uFEFF{"prompt": "a", "answer": "b"}\n{"prompt"}\n');
  expect((await failure(path)).place).toEqual({ file: path, line: 2 });
});

test("says when there is no file, or a folder", async () => {
  expect((await failure(join(root, "nothing.jsonl"))).message).toContain("there is no such file");
  expect((await failure(root)).message).toContain("is a folder");
});

test.each([
  ["data.parquet", Buffer.from("PAR1\u0015\u0004"), /is a Parquet file, not a task file\. .*read_parquet/],
  ["data.jsonl.gz", Uint8Array.of(0x1f, 0x8b, 8, 0), /compressed with gzip.*gunzip -c/],
  ["data.xlsx", Uint8Array.of(0x50, 0x4b, 3, 4, 0), /ZIP archive.*Save it as CSV/],
])("%s is told what it is and how to convert it", async (name, bytes, message) => {
  const path = join(root, name);
  await writeFile(path, bytes);
  expect((await failure(path)).message).toMatch(message);
});

test.skipIf(process.platform === "win32")("a pipe is hashed by the bytes that came from it", async () => {
  const contents = '{"prompt": "a", "answer": "b"}\n';
  const [file, pipe] = [join(root, "file.jsonl"), join(root, "pipe.jsonl")];
  await writeFile(file, contents);
  execFileSync("mkfifo", [pipe]);
  const written = writeFile(pipe, contents);
  const [fromPipe, fromFile] = [await readTaskFile(pipe), await readTaskFile(file)];
  await written;
  expect(fromPipe.sha256).toBe(createHash("sha256").update(contents).digest("hex"));
  expect(fromFile.sha256).toBe(fromPipe.sha256);
  expect(fromPipe.examples).toEqual(fromFile.examples);
});
