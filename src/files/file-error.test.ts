import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { fileError, machineError } from "./file-error.ts";

/** As Node makes them. */
function systemError(code: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code, ...more });
}

describe("what the system says of a file", () => {
  test.each([
    ["ENOENT", "a: does not exist"],
    [
      "EMFILE",
      "a: can't be opened: too many files are open. Allow more: `ulimit -n 4096`, then run it again.",
    ],
    ["ENOSPC", "a: can't be written: the disk is full. Free some space, or choose another output folder."],
    ["EROFS", "a: can't be written: this file system is read-only. Choose a folder that can be written to."],
  ])("%s in plain words", (code, message) => {
    expect(fileError("output", "a", systemError(code, "no words of ours"))).toMatchObject({
      code: "output",
      message,
    });
  });

  test("a full disk, and how much was to be written", () => {
    expect(fileError("output", "a", systemError("EDQUOT", "x"), 70)).toHaveProperty(
      "message",
      "a: the disk is full: this file needs 70 bytes. Free some space, or choose another output folder.",
    );
  });

  test("what the system did not say is given back", () => {
    for (const error of [new TypeError("x"), new PithError("task", "x"), "x", undefined]) {
      expect(fileError("output", "a", error)).toBe(error);
    }
  });
});

describe("what the machine lacks, wherever it was met", () => {
  test.each([
    [
      systemError("ENOSPC", "no space left on device, write", { syscall: "write" }),
      /this machine: .*disk is full/,
    ],
    [
      systemError("EMFILE", "too many open files, open '/x'", { path: "/x" }),
      /^\/x: .*too many files are open/,
    ],
    [
      systemError("ERR_WORKER_INIT_FAILED", "Worker initialization failure: EMFILE"),
      /too many files are open/,
    ],
    [
      systemError("ENOENT", "no such file or directory, uv_cwd", { syscall: "uv_cwd" }),
      /folder that this was started in/,
    ],
  ])("%s", (error, message) => {
    const told = machineError(error);
    expect(told).toBeInstanceOf(PithError);
    expect(told?.message).toMatch(message);
  });

  test("nothing else is of this kind", () => {
    for (const error of [
      systemError("ENOENT", "no such file or directory, open 'x'", { syscall: "open" }),
      new RangeError("x"),
      "EMFILE",
    ]) {
      expect(machineError(error)).toBeUndefined();
    }
  });
});
