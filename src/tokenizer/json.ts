/** Types of JSON values whose structure is not checked yet. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object, not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
