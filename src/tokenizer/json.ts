/** JSON values before anything is known of them. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** A JSON object, not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
