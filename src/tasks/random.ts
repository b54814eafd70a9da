/**
 * The only random number generator of tasks: xoshiro128** 1.1 by Blackman and Vigna
 * (https://prng.di.unimi.it/xoshiro128starstar.c), in 32-bit integers only, so that a seed gives the same numbers
 * on every machine and engine. SplitMix64 makes the state from the seed, as its authors advise.
 */
import { PithError } from "../errors.ts";

export interface Random {
  /** Uniform in 0 … 2³² − 1. */
  nextUint32(): number;
  /** Uniform in 0 … bound − 1, without modulo bias; `bound` in 1 … 2³². */
  below(bound: number): number;
  /** The items in a random order (Fisher and Yates); the argument is not changed. */
  shuffled<T>(items: readonly T[]): T[];
}

/**
 * @param seed a whole number from 0 to 2⁵³ − 1.
 * @throws PithError "options" for any other seed.
 */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new PithError("options", `the seed ${seed} is not a whole number from 0 on`, {
      place: { field: "seed" },
    });
  }
  return fromState(splitMix(BigInt(seed)));
}

/** @param state four 32-bit words, not all zero. @internal */
export function fromState(state: readonly [number, number, number, number]): Random {
  let [a, b, c, d] = state;

  function nextUint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return result;
  }

  function below(bound: number): number {
    const whole = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const value = nextUint32();
      if (value < whole) return value % bound;
    }
  }

  function shuffled<T>(items: readonly T[]): T[] {
    const result: T[] = [];
    items.forEach((item, i) => {
      const j = below(i + 1);
      const displaced = result[j];
      // The "inside-out" form: the new item takes a random place, and the item that was there moves to the end.
      if (j < i) result[i] = displaced as T;
      result[j] = item;
    });
    return result;
  }

  return { nextUint32, below, shuffled };
}

function rotateLeft(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** Two outputs of SplitMix64 (https://prng.di.unimi.it/splitmix64.c), low word first. */
function splitMix(seed: bigint): [number, number, number, number] {
  let x = seed;
  const next = (): bigint => {
    x = BigInt.asUintN(64, x + 0x9e3779b97f4a7c15n);
    let z = x;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
  const [first, second] = [next(), next()];
  const low = (z: bigint): number => Number(z & 0xffffffffn);
  return [low(first), low(first >> 32n), low(second), low(second >> 32n)];
}
