/**
 * Limits on JSON from outside, checked before `JSON.parse` runs: `JSON.parse` would make gigabytes of objects
 * from a few megabytes of "[[[[" or "{},{},". Bytes are checked as they arrive, so a hostile file need not be
 * read to its end.
 */

/** Far above any real file: headers and configs are 3 to 5 deep, tokenizers 8. */
const DEEPEST_NESTING = 64;
/**
 * A tensor description file of more than 100 MB stays below this; as many "{}" would take gigabytes and a minute.
 */
const MOST_CONTAINERS = 5_000_000;
/** The trace of a million decisions has six million members. */
const MOST_MEMBERS = 10_000_000;
const MOST_VALUES = 20_000_000;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

export interface JsonBounds {
  /**
   * Checks the next bytes of a text. @returns which limit is exceeded, as a predicate: "nests deeper than 64
   * levels".
   */
  add(bytes: Uint8Array): string | undefined;
}

/** Makes a check of one text in UTF-8. Text that is not JSON is left for the parser to refuse. */
export function jsonBounds(): JsonBounds {
  let [depth, containers, members, commas] = [0, 0, 0, 0];
  let [inString, escaped] = [false, false];
  return {
    add(bytes) {
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at] as number;
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inString = false;
        } else if (byte === QUOTE) {
          inString = true;
        } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
          containers++;
          if (++depth > DEEPEST_NESTING) return `nests deeper than ${DEEPEST_NESTING} levels`;
        } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
          depth--;
        } else if (byte === COLON) {
          members++;
        } else if (byte === COMMA) {
          commas++;
        }
      }
      if (containers > MOST_CONTAINERS) return `has more than ${MOST_CONTAINERS} objects and lists`;
      if (members > MOST_MEMBERS) return `has more than ${MOST_MEMBERS} members of objects`;
      return commas > MOST_VALUES ? `has more than ${MOST_VALUES} values` : undefined;
    },
  };
}
