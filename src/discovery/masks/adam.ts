/** Adam (Kingma and Ba, 2015), with bias correction, as plain data: a step makes a new state of an old one. */

export interface AdamState {
  readonly values: Float64Array;
  /** Decayed mean of the gradients. */
  readonly first: Float64Array;
  /** Decayed mean of their squares. */
  readonly second: Float64Array;
  /** How many steps were taken. */
  readonly steps: number;
}

const decayOfFirst = 0.9;
const decayOfSecond = 0.999;
const epsilon = 1e-8;

export function adamStart(values: Float64Array): AdamState {
  const { length } = values;
  return { values, first: new Float64Array(length), second: new Float64Array(length), steps: 0 };
}

/** Goes down the gradient. @param rate the step's learning rate. */
export function adamStep(state: AdamState, gradient: Float64Array, rate: number): AdamState {
  const steps = state.steps + 1;
  const mix = (decay: number, before: Float64Array, now: (slope: number) => number) =>
    before.map((value, at) => decay * value + (1 - decay) * now(gradient[at] ?? 0));
  const first = mix(decayOfFirst, state.first, (slope) => slope);
  const second = mix(decayOfSecond, state.second, (slope) => slope * slope);
  const unbias = [1 - decayOfFirst ** steps, 1 - decayOfSecond ** steps] as const;
  const values = state.values.map((value, at) => {
    const [mean, square] = [(first[at] ?? 0) / unbias[0], (second[at] ?? 0) / unbias[1]];
    return value - (rate * mean) / (Math.sqrt(square) + epsilon);
  });
  return { values, first, second, steps };
}
