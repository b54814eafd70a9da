/**
 * The right singular vectors of a wide matrix by one-sided Jacobi rotations (Hestenes 1958; accurate to the last digits
 * of every singular value: Demmel and Veselić 1992). Pairs of rows are rotated until all rows are orthogonal; then each
 * is a singular value times its right singular vector. The matrices here have as many rows as a head is wide, so the
 * simplest method is fast enough.
 */

/** A matrix in float64, row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

/** Two rows are orthogonal if the cosine of their angle is below this. */
const orthogonal = 1e-14;
/** Ten are enough for a thousand rows. */
const mostSweeps = 60;

/** @returns [rows, columns], the largest singular value's first, each of length 1; zeros where a singular value is 0. */
export function rightSingularVectors({ rows, columns, values }: Matrix): Float64Array {
  const all = values.slice();
  const each = Array.from({ length: rows }, (_, at) => all.subarray(at * columns, (at + 1) * columns));
  for (let sweep = 0, turned = true; turned && sweep < mostSweeps; sweep++) {
    turned = false;
    for (const [at, row] of each.entries())
      for (const other of each.slice(at + 1)) turned = makeOrthogonal(row, other) || turned;
  }
  const lengths = each.map((row) => Math.sqrt(dot(row, row)));
  const order = [...each.keys()].sort((one, other) => (lengths[other] ?? 0) - (lengths[one] ?? 0));
  const vectors = new Float64Array(all.length);
  for (const [at, from] of order.entries()) {
    const length = lengths[from] ?? 0;
    if (length === 0) continue;
    vectors.set(
      (each[from] ?? all).map((value) => value / length),
      at * columns,
    );
  }
  return vectors;
}

/** @returns whether they were not orthogonal before. */
function makeOrthogonal(row: Float64Array, other: Float64Array): boolean {
  const [alpha, beta, gamma] = [dot(row, row), dot(other, other), dot(row, other)];
  if (!(Math.abs(gamma) > orthogonal * Math.sqrt(alpha * beta))) return false;
  const zeta = (beta - alpha) / (2 * gamma);
  const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = cosine * tangent;
  for (let at = 0; at < row.length; at++) {
    const [x, y] = [row[at] as number, other[at] as number];
    row[at] = cosine * x - sine * y;
    other[at] = sine * x + cosine * y;
  }
  return true;
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] as number) * (other[at] as number);
  return sum;
}

/**
 * Lᵀ of the Cholesky factorization C = L·Lᵀ, times a matrix: it weighs directions as often as they occur.
 * @param square C, symmetric and positive definite, [n, n]. @param matrix [n, columns].
 */
export function timesRoot(square: Float64Array, { rows, columns, values }: Matrix): Matrix {
  const factor = choleskyFactor(square, rows);
  const product = new Float64Array(values.length);
  for (let row = 0; row < rows; row++) {
    const target = product.subarray(row * columns, (row + 1) * columns);
    for (let inner = row; inner < rows; inner++) {
      const scale = factor[inner * rows + row] as number;
      const from = inner * columns;
      for (let column = 0; column < columns; column++)
        target[column] = (target[column] as number) + scale * (values[from + column] as number);
    }
  }
  return { rows, columns, values: product };
}

/** L, lower triangular, [n, n]. */
function choleskyFactor(square: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      const before = (line: number) => factor.subarray(line * n, line * n + column);
      const rest = (square[row * n + column] as number) - dot(before(row), before(column));
      const diagonal = factor[column * n + column] as number;
      factor[row * n + column] = row === column ? Math.sqrt(Math.max(rest, 0)) : rest / diagonal;
    }
  }
  return factor;
}
