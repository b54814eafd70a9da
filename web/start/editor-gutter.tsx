/**
 * The line numbers beside a text. They are one text too, because a file of ten thousand lines would need as many
 * elements. Faults are drawn over it.
 */
export function EditorGutter({
  lines,
  faulty,
}: {
  readonly lines: number;
  readonly faulty: ReadonlySet<number | undefined>;
}) {
  const numbers = Array.from({ length: lines }, (_, index) =>
    faulty.has(index + 1) ? `▸ ${index + 1}` : String(index + 1),
  );
  // Consecutive lines of the same kind share one element.
  const runs: { readonly bad: boolean; readonly from: number; to: number }[] = [];
  for (let index = 0; index < lines; index++) {
    const bad = faulty.has(index + 1);
    const last = runs.at(-1);
    if (last?.bad === bad) last.to = index + 1;
    else runs.push({ bad, from: index, to: index + 1 });
  }
  return (
    <>
      {runs.map(({ bad, from, to }) => (
        <span key={from} class={bad ? "bad" : undefined}>
          {`${numbers.slice(from, to).join("\n")}\n`}
        </span>
      ))}
    </>
  );
}
