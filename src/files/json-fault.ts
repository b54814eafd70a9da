/**
 * Finds the place where a text stops being JSON. The message of the JavaScript engine quotes the text around the
 * fault, and does not always give the place. But the reader of an error may not be allowed to read the file, so
 * Pith's errors give line and column only.
 */

const SPACE = /[\t\n\r ]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const LITERAL = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/** What may come next; "first" means what may follow an opened bracket or brace, its closing one included. */
type Expected = "value" | "first value" | "first key" | "key" | "colon" | "next" | "end";

/** Line and column of the first character that is not allowed there, both from 1; undefined for valid JSON. */
export function jsonFaultAt(
  text: string,
): { readonly line: number; readonly column: number; readonly ended: boolean } | undefined {
  const at = faultOffset(text);
  if (at === undefined) return undefined;
  const before = text.slice(0, at);
  const line = (before.match(/\n/g)?.length ?? 0) + 1;
  return { line, column: at - before.lastIndexOf("\n"), ended: at >= text.length };
}

function faultOffset(text: string): number | undefined {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  const after = (): Expected => (open.length === 0 ? "end" : "next");
  for (let at = match(SPACE, text, 0); ; at = match(SPACE, text, at)) {
    const character = text[at];
    if (character === undefined) return expected === "end" ? undefined : at;
    if (closes(character, expected, open.at(-1))) {
      open.pop();
      at++;
      expected = after();
    } else if (expected === "next" && character === ",") {
      at++;
      expected = open.at(-1) === "{" ? "key" : "value";
    } else if (expected === "colon" && character === ":") {
      at++;
      expected = "value";
    } else if (expected === "key" || expected === "first key") {
      const end = match(STRING, text, at);
      if (end === at || !isString(text.slice(at, end))) return at;
      at = end;
      expected = "colon";
    } else if (expected === "value" || expected === "first value") {
      if (character === "{" || character === "[") {
        open.push(character);
        at++;
        expected = character === "{" ? "first key" : "first value";
        continue;
      }
      const isText = character === '"';
      const end = match(isText ? STRING : LITERAL, text, at);
      if (end === at || (isText && !isString(text.slice(at, end)))) return at;
      at = end;
      expected = after();
    } else return at;
  }
}

function closes(character: string, expected: Expected, open: "{" | "[" | undefined): boolean {
  if (character === "}") return open === "{" && (expected === "next" || expected === "first key");
  return character === "]" && open === "[" && (expected === "next" || expected === "first value");
}

/** The end of the pattern's match at `at`; `at` itself if it does not match. */
function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** Whether the engine accepts the string: its escapes and control characters are left to the engine. */
function isString(literal: string): boolean {
  try {
    JSON.parse(literal);
    return true;
  } catch {
    return false;
  }
}
