/**
 * Parses cells that hold a list as programs write it: JSON's `["a", "b"]`, or Python's `['a', "b's"]`, which
 * pandas writes for a column of lists.
 */

/** The texts of the list; undefined for a cell that is not a list of texts, such as `[x]` and `[1]`. */
export function parseListCell(cell: string): readonly string[] | undefined {
  const body = /^\s*\[(.*)\]\s*$/s.exec(cell)?.[1];
  if (body === undefined) return undefined;
  const items: string[] = [];
  const item = /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(,|$)/sy;
  while (item.lastIndex < body.length) {
    const found = item.exec(body);
    if (found === null) return undefined;
    const text = unescaped(found[1] ?? found[2] ?? "");
    if (text === undefined) return undefined;
    items.push(text);
    if (found[3] === "" && item.lastIndex < body.length) return undefined;
  }
  return items.length === 0 ? undefined : items;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

/** Undefined for an escape that neither language has. */
function unescaped(text: string): string | undefined {
  let isKnown = true;
  const plain = text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs, (_, two, four, one) => {
    const code = two ?? four;
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    if (/[a-z0-9]/i.test(one) && !(one in ESCAPES)) isKnown = false;
    return ESCAPES[one] ?? one;
  });
  return isKnown ? plain : undefined;
}
