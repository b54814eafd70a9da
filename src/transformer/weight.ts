/**
 * A tensor that is read when it is needed and released afterwards. Models are described by weights, not by
 * arrays, so that the description of a model that is larger than memory is a small value, and slicing copies
 * nothing.
 */
export interface Weight {
  /** The name in the checkpoint, or an invented one that says where the values come from; errors contain it. */
  readonly name: string;
  /** Its dimensions. */
  readonly shape: readonly number[];
  /**
   * Reads all values, row-major, widened to float32; length = product of `shape`. Every call reads again: the
   * caller may change the array or give it to another thread.
   */
  read(): Promise<Float32Array<ArrayBuffer>>;
  /**
   * Reads some consecutive rows, from `start` to before `end` of the first dimension, as `read` gives them, and nothing
   * else of the file. Left out where a weight can be read whole only.
   */
  readRows?(start: number, end: number): Promise<Float32Array<ArrayBuffer>>;
  /**
   * The weights whose columns lie side by side in this one; for a slice, multiple or transpose of another weight,
   * only that weight. Left out for a weight that is not made of others. A graph's writer records them, so that a
   * shipped file can be read again.
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
