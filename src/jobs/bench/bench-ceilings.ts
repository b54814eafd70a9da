/** The upper limits of the machine, measured together with the models that they limit. */
import { bandwidthCeiling, matmulCeiling } from "../../measure/ceiling.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Contestant } from "./bench-competitors.ts";
import type { Ceilings } from "./bench-result.ts";

/**
 * The bandwidth is measured at the size of each float32 model, because a model that fits into a cache is limited
 * by the cache.
 */
export async function measureCeilings(
  runtime: Runtime,
  contestants: readonly Contestant[],
): Promise<Ceilings> {
  const bandwidth: { bytes: number; rate: number }[] = [];
  for (const { fileBytes, isFloat32 } of contestants) {
    const bytes = Math.min(2 ** 29, Math.max(2 ** 20, fileBytes));
    if (!isFloat32 || bandwidth.some((each) => Math.abs(Math.log(each.bytes / bytes)) < 0.2)) continue;
    bandwidth.push({ bytes, rate: await bandwidthCeiling(runtime, bytes) });
  }
  return { compute: await matmulCeiling(runtime), bandwidth };
}

/** The better one of two measurements of the same contestants. */
export function bestCeilings(a: Ceilings, b: Ceilings): Ceilings {
  return {
    compute: Math.max(a.compute, b.compute),
    bandwidth: a.bandwidth.map(({ bytes, rate }, index) => ({
      bytes,
      rate: Math.max(rate, b.bandwidth[index]?.rate ?? 0),
    })),
  };
}
