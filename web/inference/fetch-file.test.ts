import { createHash } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { playServer } from "../testing.ts";
import { fetchBytes, fetchJson } from "./fetch-file.ts";

afterEach(() => vi.unstubAllGlobals());

const url = "https://example.org/circuit/model.onnx";
const bytes = Uint8Array.from({ length: 6 }, (_, index) => index);
const sha256 = createHash("sha256").update(bytes).digest("hex");
const expected = { name: "model.onnx", bytes: 6, sha256 };

/** In parts of two bytes. */
const inParts = (headers: Record<string, string> = {}) =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 2) controller.enqueue(bytes.slice(at, at + 2));
        controller.close();
      },
    }),
    { headers },
  );

describe("bytes", () => {
  test("arrive whole, with progress by parts", async () => {
    playServer(() => inParts({ "content-length": "6" }));
    const progress: unknown[] = [];
    const found = await fetchBytes(url, { expected, onBytes: (...now) => progress.push(now) });
    expect(found).toEqual(bytes);
    expect(progress).toEqual([
      [2, 6],
      [4, 6],
      [6, 6],
    ]);
  });

  test("of a compressed file no total is known: its length is another's", async () => {
    playServer(() => inParts({ "content-length": "3", "content-encoding": "br" }));
    const totals: unknown[] = [];
    await fetchBytes(url, { onBytes: (_, total) => totals.push(total) });
    expect(totals).toEqual([undefined, undefined, undefined]);
  });

  test.each([
    [{ ...expected, bytes: 7 }, "it has 6 bytes instead of 7"],
    [{ ...expected, sha256: "0".repeat(64) }, "its SHA-256 is another"],
  ])("another file than the expected is refused", async (other, difference) => {
    playServer(() => inParts());
    await expect(fetchBytes(url, { expected: other })).rejects.toMatchObject({
      ...{ name: "PithError", code: "circuit", place: { url } },
      message: expect.stringContaining(`is not the file that was shipped: ${difference}.`),
    });
  });
});

describe("faults name the address", () => {
  test.each([
    ["no server", () => Promise.reject(new TypeError("fetch failed")), "can't be fetched."],
    ["no file", () => new Response("", { status: 404, statusText: "Not Found" }), "answers 404 Not Found"],
    ["a status without words", () => new Response("", { status: 503 }), "the server answers 503. Copy"],
    ["a stream that breaks", () => new Response(brokenStream()), "the connection broke off."],
  ])("%s", async (_, answer, message) => {
    playServer(answer);
    await expect(fetchBytes(url)).rejects.toMatchObject({
      ...{ name: "PithError", code: "circuit", place: { url } },
      message: expect.stringContaining(message),
    });
  });

  const brokenStream = () =>
    new ReadableStream({ start: (controller) => controller.error(new Error("reset")) });

  test("what the page breaks off is no fault", async () => {
    playServer(() => new Promise(() => {}));
    const abort = new AbortController();
    const asked = fetchBytes(url, { signal: abort.signal });
    abort.abort();
    await expect(asked).rejects.toMatchObject({ name: "AbortError" });
  });
});

test("JSON is read, and what is none is told", async () => {
  playServer(() => new Response('{"a":1}'));
  expect(await fetchJson(url)).toEqual({ a: 1 });
  playServer(() => new Response("<html>"));
  await expect(fetchJson(url)).rejects.toMatchObject({ code: "circuit", place: { url } });
  playServer(() => new Response(Uint8Array.of(0x22, 0xff, 0x22)));
  await expect(fetchJson(url)).rejects.toThrow("is not JSON.");
});
