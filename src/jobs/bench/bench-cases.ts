/** The runs that a bench times: all competitors run in turns, on the same prompts. */
import { engineTime } from "../../measure/engine-time.ts";
import { type ComparedTiming, compareInTurns, type LatencyOptions } from "../../measure/latency.ts";
import type { Graph } from "../../onnx/graph.ts";
import type { DeviceTensor, Runtime, Session } from "../../runtime/runtime.ts";
import { cacheOf, type Feeds, feedsOf } from "./bench-feeds.ts";
import { stretched } from "./bench-prompts.ts";
import type { BenchCase } from "./bench-result.ts";
import type { TransformersJs } from "./transformers-js.ts";

export interface Runner {
  readonly session: Session;
  readonly graph: Graph;
}

/** Space for the tokens that transformers.js generates after the cached ones. */
const roomForNew = 10;

/** The context lengths that are too long for the model. */
export function contextsLeftOut(contexts: readonly number[], contextLength: number): readonly number[] {
  return contexts.filter((each) => each + roomForNew > contextLength);
}

/** @param contexts the requested lengths; those that are too long for the model are left out. */
export function benchCases(
  isDecoder: boolean,
  prompts: readonly (readonly number[])[],
  contexts: readonly number[],
  contextLength: number,
): readonly BenchCase[] {
  const tokens = prompts[0]?.length ?? 0;
  const cases: BenchCase[] = [{ kind: "prompt", prompts: 1, tokens }];
  if (prompts.length > 1) cases.push({ kind: "batch", prompts: prompts.length, tokens });
  if (!isDecoder) return cases;
  const tooLong = contextsLeftOut(contexts, contextLength);
  for (const length of contexts.filter((each) => !tooLong.includes(each))) {
    cases.push(
      { kind: "first token", prompts: 1, tokens: length },
      { kind: "next token", prompts: 1, tokens: length },
    );
  }
  return cases;
}

/** @returns a timing for every runner compared with the first, and last for transformers.js, if it takes part. */
export async function timeCase(
  { kind, tokens }: BenchCase,
  runtime: Runtime,
  runners: readonly Runner[],
  prompts: readonly (readonly number[])[],
  transformersJs: TransformersJs | undefined,
  options: LatencyOptions,
): Promise<readonly ComparedTiming[]> {
  const [first = []] = prompts;
  const long = stretched(first, tokens);
  const caches: DeviceTensor[] = [];
  const works: (() => Promise<number>)[] = [];
  for (const { session, graph } of runners) {
    let turn = 0;
    switch (kind) {
      case "prompt":
        works.push(() => timeRun(runtime, session, feedsOf(graph, [prompts[turn++ % prompts.length] ?? []])));
        break;
      case "batch":
        works.push(() => timeRun(runtime, session, feedsOf(graph, prompts)));
        break;
      case "first token":
        works.push(() => timeRun(runtime, session, feedsOf(graph, [long])));
        break;
      case "next token": {
        const outputs = await session.run(feedsOf(graph, [long]));
        caches.push(...Object.values(outputs));
        // The cache does not change: every run computes the token after the same ones.
        const feeds = feedsOf(graph, [long.slice(0, 1)], { length: tokens, tensors: cacheOf(outputs) });
        works.push(() => timeRun(runtime, session, feeds));
      }
    }
  }
  if (transformersJs !== undefined) {
    const own = { prompt: [first], batch: prompts, "first token": [long] };
    works.push(() => (kind === "next token" ? transformersJs.next(long) : transformersJs.forward(own[kind])));
  }
  const timings = await compareInTurns(works, options);
  await runtime.release(...caches);
  return timings;
}

/** The engine's time; its outputs are released. @internal */
export function timeRun(runtime: Runtime, session: Session, feeds: Feeds): Promise<number> {
  return engineTime(runtime, async () => runtime.release(...Object.values(await session.run(feeds))));
}
