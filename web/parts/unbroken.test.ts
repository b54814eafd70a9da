import { expect, test } from "vitest";
import { unbroken } from "./unbroken.ts";

test("every space stays on its line", () => {
  expect(unbroken("99.3 % of all")).toBe("99.3\u00a0%\u00a0of\u00a0all");
  expect(unbroken("")).toBe("");
});
