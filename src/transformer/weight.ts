/**
 * A tensor that is read when it is needed and let go after. Models are described by weights, not by arrays,
 * so that a description of a model larger than memory is a small value, and slicing one copies nothing.
 */
export interface Weight {
  /** The name in the checkpoint, or a made-up one that says where the values come from: errors repeat it. */
  readonly name: string;
  /** Its dimensions. */
  readonly shape: readonly number[];
  /**
   * Reads all values, row-major, widened to float32; length = product of `shape`. Reads anew at every call:
   * the array is the caller's to change or to hand over to another thread.
   */
  read(): Promise<Float32Array<ArrayBuffer>>;
  /**
   * Reads some consecutive rows, from `start` to before `end` of the first dimension, as `read` gives them, and nothing
   * else of the file. Left out where a weight can be read whole only.
   */
  readRows?(start: number, end: number): Promise<Float32Array<ArrayBuffer>>;
  /**
   * The weights whose columns lie in this one side by side; of a weight that is another's slice, multiple or
   * transpose, that one alone. Left out for a weight that is made of no other. A graph's writer records them, so that
   * a shipped file can be read back.
   */
  readonly madeOf?: readonly Weight[];
}

/** A weight that is already in memory. @throws RangeError when the values don't fill the shape. */
export function constantWeight(
  name: string,
  shape: readonly number[],
  values: Float32Array<ArrayBuffer>,
): Weight {
  if (elementCount(shape) !== values.length) {
    throw new RangeError(`${name}: ${values.length} values don't fill [${shape.join(", ")}]`);
  }
  return { name, shape, read: async () => values.slice() };
}

/** Product of the dimensions; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
