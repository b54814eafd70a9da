import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Decision } from "../../src/discovery/searches/decision.ts";
import type { RunDetail, RunEvent } from "../../src/server/api.ts";
import { json, playServer } from "../testing.ts";
import { followRun, isFinal, type LiveRun } from "./live-run.ts";

const decision = (step: number): Decision => ({
  ...{ layer: 0, component: `head.${step}`, kl: step, delta: 1, pruned: true },
});
const detail = (more: Partial<RunDetail> = {}): RunDetail => ({
  ...{ id: "x", state: "running", kind: "extract", modelName: "nano", taskName: "ioi" },
  ...{ created: "2026-01-01T00:00:00.000Z", done: 0, total: 100, layers: 1, headsPerLayer: [100] },
  ...{ decisions: [], sequence: 4, ...more },
  request: {
    ...{ kind: "extract", model: "", task: { kind: "builtin", name: "ioi" } },
    options: { alpha: 0.02, ablation: "mean", mlps: true, means: "aligned", order: "published", seed: 0 },
  },
});

/** The streams that were opened, in order. */
let streams: PlayedStream[];
class PlayedStream {
  onmessage: ((message: { readonly data: string; readonly lastEventId: string }) => void) | undefined;
  onerror: (() => void) | undefined;
  isClosed = false;
  readonly url: string;
  constructor(url: string) {
    this.url = url;
    streams.push(this);
  }
  say(number: number, event: RunEvent): void {
    this.onmessage?.({ data: JSON.stringify(event), lastEventId: String(number) });
  }
  close(): void {
    this.isClosed = true;
  }
}

/** The frame that was asked for; the page draws when the test says so. */
let frame: (() => void) | undefined;
const draw = () => {
  const next = frame;
  frame = undefined;
  next?.();
};

let run: LiveRun;
let told: (readonly [from: number, to: number])[];
let read: RunDetail;
/** The first look at the run, answered. */
async function follow(first: RunDetail = detail()): Promise<void> {
  read = first;
  run = followRun("x y");
  run.subscribe((...range) => told.push(range));
  await vi.advanceTimersByTimeAsync(0);
}
const stream = () => streams.at(-1) as PlayedStream;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  [streams, told, frame] = [[], [], undefined];
  playServer(() => json(read));
  vi.stubGlobal("EventSource", PlayedStream);
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => {
    frame = callback;
    return 1;
  });
  vi.stubGlobal("cancelAnimationFrame", () => {
    frame = undefined;
  });
});
afterEach(() => {
  run.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a run is read whole, and then followed from where that ended", async () => {
  await follow(detail({ done: 2, decisions: [decision(0), decision(1)], step: "search" }));
  expect([run.state.value, run.step.value, run.done.value, run.total.value]).toEqual([
    ...["running", "search", 2, 100],
  ]);
  expect(run.decisions).toEqual([decision(0), decision(1)]);
  expect(told).toEqual([[0, 2]]);
  expect(streams.map(({ url }) => url)).toEqual(["/api/runs/x%20y/events?after=4"]);
});

test.each(["done", "failed", "cancelled", "damaged"] as const)(
  "nothing follows one that is %s",
  async (state) => {
    await follow(detail({ state }));
    expect([run.state.value, isFinal(run.state.value), streams.length]).toEqual([state, true, 0]);
  },
);

test.each(["queued", "running", "paused", undefined] as const)("%s is not the end", (state) => {
  run = followRun("x");
  expect(isFinal(state)).toBe(false);
});

describe("events", () => {
  test("are gathered until the next frame, and told together", async () => {
    await follow();
    for (const step of [0, 1, 2]) {
      stream().say(5 + step, { kind: "decision", decision: decision(step), done: step + 1, total: 100 });
    }
    expect(run.decisions).toEqual([]);
    draw();
    expect(run.decisions).toEqual([0, 1, 2].map(decision));
    expect([run.done.value, told]).toEqual([
      3,
      [
        [0, 0],
        [0, 3],
      ],
    ]);
  });

  test("come as fast as they like: a frame takes 48 of them", async () => {
    await follow();
    for (let step = 0; step < 100; step++) {
      stream().say(5 + step, { kind: "decision", decision: decision(step), done: step + 1, total: 100 });
    }
    const lengths = [48, 96, 100].map(() => {
      draw();
      return run.decisions.length;
    });
    expect([lengths, frame]).toEqual([[48, 96, 100], undefined]);
  });

  test("that were said before are not taken twice, progress excepted, which has no number", async () => {
    await follow();
    stream().say(5, { kind: "decision", decision: decision(0), done: 1, total: 100 });
    stream().say(5, { kind: "decision", decision: decision(7), done: 2, total: 100 });
    stream().say(3, { kind: "step", step: "export" });
    stream().say(0, { kind: "progress", done: 9, total: 10 });
    draw();
    expect(run.decisions).toEqual([decision(0)]);
    expect([run.step.value, run.done.value, run.total.value]).toEqual([undefined, 9, 10]);
  });

  test("a search that begins a second time begins its decisions anew", async () => {
    await follow(detail({ decisions: [decision(0), decision(1)], done: 2 }));
    stream().say(5, { kind: "search", layers: 1, headsPerLayer: [3], candidates: 4 });
    stream().say(6, { kind: "decision", decision: decision(2), done: 1, total: 4 });
    draw();
    expect(run.decisions).toEqual([decision(2)]);
    expect([run.detail.value?.headsPerLayer, run.total.value, told.at(-1)]).toEqual([[3], 4, [0, 1]]);
  });

  test("the end is read whole once more", async () => {
    await follow();
    read = detail({ state: "done", done: 100, sequence: 9 });
    stream().say(5, { kind: "state", state: "done" });
    draw();
    await vi.advanceTimersByTimeAsync(0);
    expect([run.detail.value, stream().isClosed, streams.length]).toEqual([read, true, 1]);
  });

  test("why it failed stands beside its state", async () => {
    await follow();
    const error = { code: "task", message: "no" };
    read = detail({ state: "failed", error });
    stream().say(5, { kind: "state", state: "failed", error });
    draw();
    expect([run.state.value, run.fault.value]).toEqual(["failed", error]);
  });

  test("in a page that is hidden come without frames", async () => {
    await follow();
    vi.stubGlobal("document", { hidden: true });
    stream().say(5, { kind: "decision", decision: decision(0), done: 1, total: 100 });
    await vi.advanceTimersByTimeAsync(250);
    expect([run.decisions.length, frame]).toEqual([1, undefined]);
  });
});

describe("a stream that breaks", () => {
  test("is opened again after the run is read whole, which may have gone on", async () => {
    await follow();
    read = detail({ decisions: [decision(0)], done: 1, sequence: 6 });
    stream().onerror?.();
    await vi.advanceTimersByTimeAsync(300);
    expect(run.decisions).toEqual([decision(0)]);
    expect(streams.map(({ url, isClosed }) => [url, isClosed])).toEqual([
      ["/api/runs/x%20y/events?after=4", true],
      ["/api/runs/x%20y/events?after=6", false],
    ]);
  });

  test("with its server is tried until that is back", async () => {
    await follow();
    playServer(() => {
      throw new TypeError("fetch failed");
    });
    stream().onerror?.();
    await vi.advanceTimersByTimeAsync(5000);
    expect([run.fault.value, streams.length]).toEqual([undefined, 1]);
    playServer(() => json(read));
    await vi.advanceTimersByTimeAsync(1500);
    expect(streams).toHaveLength(2);
  });
});

test("a run that can't be read says why, and may be read again", async () => {
  playServer(() => json({ error: { code: "run", message: "no such run" } }, 404));
  await follow();
  expect([run.fault.value?.message, streams.length]).toEqual(["no such run", 0]);
  playServer(() => json(read));
  run.reload();
  await vi.advanceTimersByTimeAsync(0);
  expect([run.fault.value, run.state.value]).toEqual([undefined, "running"]);
});

test("closed, it follows nothing and tells nothing", async () => {
  await follow();
  stream().say(5, { kind: "decision", decision: decision(0), done: 1, total: 100 });
  run.close();
  draw();
  stream().onerror?.();
  await vi.advanceTimersByTimeAsync(5000);
  expect([told, stream().isClosed, streams.length]).toEqual([[[0, 0]], true, 1]);
});
