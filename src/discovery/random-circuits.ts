/**
 * Random circuits of a circuit's size, with which it is compared (Shi et al. 2024, arXiv:2410.13032, compare with
 * random circuits of equally many components; equal weights are the stricter choice). A random circuit keeps as many
 * heads and as many MLPs or neurons as the given one, drawn from all that the search could have pruned, so it has the
 * same size. Where heads share keys and values, as many heads may weigh less: then further ones are added, so that no
 * random circuit has a disadvantage.
 */
import type { Random } from "../tasks/random.ts";
import {
  type Circuit,
  circuitOf,
  componentsOf,
  wholeCircuit,
  withComponents,
} from "../transformer/circuit.ts";
import { circuitSize } from "../transformer/circuit-size.ts";
import { type Component, type ComponentKind, shapeOf } from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";

/**
 * @param model the original. @param onTrial the kinds of components that could be pruned; others stay as they are.
 * @returns a circuit at least as large as `circuit`.
 */
export function randomCircuitLike(
  model: Transformer,
  circuit: Circuit,
  onTrial: readonly ComponentKind[],
  random: Random,
): Circuit {
  const all = componentsOf(wholeCircuit(shapeOf(model)));
  const kept = componentsOf(circuit);
  const drawn: Component[] = kept.filter(({ kind }) => !onTrial.includes(kind));
  const left: Component[] = [];
  for (const kind of onTrial) {
    const shuffled = random.shuffled(all.filter((component) => component.kind === kind));
    const count = kept.filter((component) => component.kind === kind).length;
    drawn.push(...shuffled.slice(0, count));
    if (kind === "head") left.push(...shuffled.slice(count));
  }
  const size = circuitSize(model, circuit);
  let made = circuitOf(drawn);
  for (const head of left) {
    if (circuitSize(model, made) >= size) break;
    made = withComponents(made, [head]);
  }
  return made;
}
