/**
 * Computes each competitor's cells from a bench's timings: the speed relative to the original, and the share of
 * the machine's limits.
 */
import type { ComparedTiming } from "../../measure/latency.ts";
import { bandwidthFor, leastSeconds } from "../../measure/roofline.ts";
import { countFlops } from "../../onnx/flops.ts";
import { countTraffic } from "../../onnx/traffic.ts";
import type { Contestant } from "./bench-competitors.ts";
import { symbolSizes } from "./bench-feeds.ts";
import type { BenchCase, BenchCell, Ceilings, Competitor } from "./bench-result.ts";
import type { LoadMeasurement } from "./probe-load.ts";

export interface BenchMeasurements {
  readonly cases: readonly BenchCase[];
  /** The original first. */
  readonly contestants: readonly Contestant[];
  /** For each case, the timings of every contestant, and last of transformers.js, if it takes part. */
  readonly timings: readonly (readonly ComparedTiming[])[];
  readonly withTransformersJs: boolean;
  readonly ceilings: Ceilings;
  /** The load times of every contestant; empty if they were not measured. */
  readonly loading: readonly LoadMeasurement[];
}

export function benchCompetitors(measured: BenchMeasurements): readonly Competitor[] {
  const { cases, contestants, timings, withTransformersJs, ceilings, loading } = measured;
  const competitors = contestants.map((contestant, index): Competitor => {
    const { name, kind, fileBytes, parameters } = contestant;
    const own = loading[index];
    return {
      ...{ name, kind, fileBytes, parameters, ...(own && { loading: own }) },
      cells: cases.map((each, at) => cell(each, contestant, contestants[0], timings[at], index, ceilings)),
    };
  });
  if (!withTransformersJs) return competitors;
  const last: Competitor = {
    name: "original, transformers.js",
    kind: "alternative",
    fileBytes: contestants[0]?.fileBytes ?? 0,
    cells: cases.map((_, at) => bareCell(timings[at], contestants.length)),
  };
  return [...competitors, last];
}

function cell(
  each: BenchCase,
  contestant: Contestant,
  original: Contestant | undefined,
  timings: readonly ComparedTiming[] | undefined,
  index: number,
  ceilings: Ceilings,
): BenchCell | undefined {
  const bare = bareCell(timings, index);
  if (bare === undefined || original === undefined) return bare;
  const work = workOf(contestant, each);
  if (!contestant.isFloat32) return { ...bare, ...work };
  const seconds = bare.timing.median / 1000;
  const bandwidth = bandwidthFor(work.bytes, ceilings.bandwidth);
  const whole = workOf(original, each);
  const originalBandwidth = bandwidthFor(whole.bytes, ceilings.bandwidth);
  return {
    ...bare,
    ...work,
    ofCompute: work.flops / seconds / ceilings.compute,
    ofBandwidth: work.bytes / seconds / bandwidth,
    allowed:
      leastSeconds(whole, { compute: ceilings.compute, bandwidth: originalBandwidth }) /
      leastSeconds(work, { compute: ceilings.compute, bandwidth }),
  };
}

function bareCell(timings: readonly ComparedTiming[] | undefined, index: number): BenchCell | undefined {
  const [own, original] = [timings?.[index], timings?.[0]];
  if (own === undefined || original === undefined) return undefined;
  const { timing, speed } = own;
  if (speed === undefined) return { timing, speedUp: original.timing.median / timing.median };
  return { timing, speedUp: speed.ratio, speedUpInterval: speed.interval };
}

function workOf({ graph }: Contestant, { kind, prompts, tokens }: BenchCase) {
  const sizes = kind === "next token" ? symbolSizes(1, 1, tokens) : symbolSizes(prompts, tokens);
  return { flops: countFlops(graph, sizes), bytes: countTraffic(graph, sizes) };
}
