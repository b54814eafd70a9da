/** What the steps of a training draw: batches of prompts, and a number each. */
import { createRandom, type Random } from "../../tasks/random.ts";

interface DrawnStep {
  /** Uniform in 0 … 1: where the size lies between the least and the most. */
  readonly position: number;
  readonly prompts: readonly number[];
}

interface StepDraws {
  /** The numbers of the prompts that are learned from. */
  readonly prompts: readonly number[];
  /** How many prompts a step has, if there are so many. */
  readonly batch: number;
  readonly seed: number;
}

/** Prompts come in a random order, each once, before any comes again. */
export function drawSteps({ prompts, batch, seed }: StepDraws): () => DrawnStep {
  const random: Random = createRandom(seed);
  let waiting: number[] = [];
  return () => {
    const position = random.nextUint32() / 2 ** 32;
    if (waiting.length < Math.min(batch, prompts.length)) waiting = random.shuffled(prompts);
    return { position, prompts: waiting.splice(0, batch) };
  };
}
