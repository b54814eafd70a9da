import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PreflightResult } from "../../src/server/api.ts";
import { json, later, playServer, settled } from "../testing.ts";
import {
  asking,
  askPreflight,
  forgetPreflight,
  type PreflightBody,
  preflight,
  preflightFault,
} from "./preflight.ts";

beforeEach(forgetPreflight);
afterEach(() => vi.unstubAllGlobals());

const body: PreflightBody = {
  ...{ model: "", task: { kind: "builtin", name: "ioi" } },
  options: { alpha: 0.02, ablation: "mean", mlps: true, means: "aligned", order: "published", seed: 0 },
};
const withOptions = (change: Partial<PreflightBody["options"]>) => ({
  ...body,
  options: { ...body.options, ...change },
});
/** Of a result, no more than tells it from others. */
const result = (name: string) => ({ findings: [], name }) as unknown as PreflightResult;

test("the original is asked once, until something changes on which its answers depend", async () => {
  const requests = playServer(() => json(result("one")));
  expect(askPreflight(body)).toBe(true);
  expect(asking.value).toBe(true);
  await settled();
  expect([asking.value, preflight.value]).toEqual([false, result("one")]);
  expect(requests).toEqual([{ method: "POST", path: "/api/preflight", body }]);
  // Of the search's options, its threshold and the like are nothing to the original.
  expect(askPreflight(withOptions({ alpha: 0.5, ablation: "zero", mlps: false, order: "downstream" }))).toBe(
    false,
  );
  for (const change of [{ seed: 1 }, { means: "pooled" as const }, { bos: true }]) {
    expect(askPreflight(withOptions(change))).toBe(true);
  }
  expect(askPreflight({ ...body, model: "gpt2" })).toBe(true);
  expect(askPreflight({ ...body, task: { kind: "builtin", name: "acronyms" } })).toBe(true);
});

test("an answer to what has changed since is thrown away", async () => {
  const first = later<Response>();
  playServer(({ body: asked }) =>
    (asked as PreflightBody).model === "slow" ? first.promise : json(result("fast")),
  );
  askPreflight({ ...body, model: "slow" });
  askPreflight(body);
  await settled();
  first.give(json(result("slow")));
  await settled();
  expect(preflight.value).toEqual(result("fast"));
});

test("what went wrong is told, and may be asked again", async () => {
  playServer(() => json({ error: { code: "task", message: "no prompt" } }, 400));
  askPreflight(body);
  await settled();
  expect([asking.value, preflight.value, preflightFault.value]).toEqual([
    ...[false, undefined, { code: "task", message: "no prompt" }],
  ]);
  playServer(() => json(result("now")));
  expect(askPreflight(body)).toBe(true);
  await settled();
  expect([preflight.value, preflightFault.value]).toEqual([result("now"), undefined]);
});

test("what is forgotten is not told when it comes", async () => {
  const answer = later<Response>();
  playServer(() => answer.promise);
  askPreflight(body);
  forgetPreflight();
  answer.give(json(result("late")));
  await settled();
  expect([asking.value, preflight.value, preflightFault.value]).toEqual([false, undefined, undefined]);
});
