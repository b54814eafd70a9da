import { expect, test } from "vitest";
import { randomTransformer } from "../../../test/support/random-transformer.ts";
import { curveAlong } from "./faithfulness-curve.ts";

const model = randomTransformer({ layers: 1, heads: 2 });
const ranking = [0, 1].map((head) => ({ kind: "head", layer: 0, head }) as const);
const measured = { size: 1, accuracy: 1, answers: 1 };

test.each([{ logitDifference: 2 }, { logitDifference: undefined }])(
  "where nothing that was ranked matters, there is no curve, and the reason is said: %o",
  async ({ logitDifference }) => {
    const curve = await curveAlong(model, ranking, async () => ({ ...measured, kl: 0, logitDifference }));
    expect(curve).toEqual({ missing: expect.stringContaining("the model does as well as whole") });
  },
);

test("otherwise its ends are 0 and 1", async () => {
  const values = [2, 0, ...Array<number>(9).fill(2), 0];
  const found = await curveAlong(model, ranking, async () => ({
    ...{ ...measured, logitDifference: undefined, kl: values.shift() ?? Number.NaN },
  }));
  expect("points" in found && found.points.map(({ faithfulness }) => faithfulness)).toEqual([
    ...Array<number>(9).fill(0),
    1,
  ]);
});
