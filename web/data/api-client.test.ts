import { afterEach, describe, expect, test, vi } from "vitest";
import { PithError } from "../../src/errors.ts";
import { json, playServer } from "../testing.ts";
import { ApiFailure, faultOf, get, outOfTouch, post, remove, serverGone } from "./api-client.ts";

afterEach(() => vi.unstubAllGlobals());

describe("requests", () => {
  test("what is sent, and what comes back", async () => {
    const requests = playServer(({ method }) => (method === "DELETE" ? new Response() : json({ answer: 1 })));
    expect(await get("/api/info")).toEqual({ answer: 1 });
    expect(await post("/api/runs", { model: "" })).toEqual({ answer: 1 });
    expect(await remove("/api/runs/x")).toBeUndefined();
    expect(requests).toEqual([
      { method: "GET", path: "/api/info", body: undefined },
      { method: "POST", path: "/api/runs", body: { model: "" } },
      { method: "DELETE", path: "/api/runs/x", body: undefined },
    ]);
  });

  test("a fault that the server tells is thrown as it is", async () => {
    const fault = { code: "task", message: "no prompt", field: "text", line: 3 };
    playServer(() => json({ error: fault }, 400));
    const thrown = await get("/api/tasks").catch((error) => error);
    expect(thrown).toBeInstanceOf(ApiFailure);
    expect(thrown).toMatchObject({ fault, status: 400, message: "no prompt" });
    expect([serverGone.value, outOfTouch.value]).toEqual([false, false]);
  });

  test("a status without a reason is told by its number", async () => {
    playServer(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
    await expect(get("/api/info")).rejects.toThrow(/answered with status 502, and without a reason/);
  });

  test("a server that does not answer is gone until it does", async () => {
    playServer(() => {
      throw new TypeError("fetch failed");
    });
    await expect(get("/api/info")).rejects.toMatchObject({ status: 0, fault: { code: "gone" } });
    expect([serverGone.value, outOfTouch.value]).toEqual([true, true]);
    playServer(() => json({}));
    await get("/api/info");
    expect([serverGone.value, outOfTouch.value]).toEqual([false, false]);
  });

  test("one that was started anew is there, and out of touch", async () => {
    playServer(() => json({ error: { code: "page", message: "open the new address" } }, 401));
    await expect(get("/api/info")).rejects.toMatchObject({ status: 401 });
    expect([serverGone.value, outOfTouch.value]).toEqual([false, true]);
    playServer(() => json({}));
    await get("/api/info");
    expect(outOfTouch.value).toBe(false);
  });

  test("what the page breaks off itself says nothing of the server", async () => {
    playServer(() => new Promise(() => {}));
    const abort = new AbortController();
    const asked = get("/api/info", abort.signal);
    abort.abort();
    await expect(asked).rejects.toMatchObject({ name: "AbortError" });
    expect(serverGone.value).toBe(false);
  });
});

describe("what was thrown, as a fault", () => {
  test("the server's own", () => {
    const fault = { code: "task", message: "no prompt" };
    expect(faultOf(new ApiFailure(fault, 400))).toBe(fault);
  });

  test("none for what was broken off", () => {
    expect(faultOf(new DOMException("aborted", "AbortError"))).toBeUndefined();
  });

  test("the circuit's in the browser: of a task it knows the prompt alone", () => {
    expect(faultOf(new PithError("task", "too long.", { advice: "Shorten it." }))).toEqual({
      ...{ code: "prompt", message: "too long. Shorten it.", advice: "Shorten it." },
    });
    expect(faultOf(new PithError("circuit", "is damaged."))?.code).toBe("circuit");
  });

  test.each([
    "Failed to fetch dynamically imported module: http://x/a.js",
    "error loading dynamically imported module: http://x/a.js",
    "Importing a module script failed.",
  ])("a part of the page that is not there any more, in each browser's words: %s", (message) => {
    expect(faultOf(new TypeError(message))).toMatchObject({ code: "page", message: /could not be fetched/ });
  });

  test("anything else by its message", () => {
    expect(faultOf(new Error("odd"))).toEqual({ code: "page", message: "odd" });
    expect(faultOf("odd")).toEqual({ code: "page", message: "odd" });
  });
});
