/** RelP: attribution with a gradient that sees no saturation. */
import { gateName, gateStage } from "../../lowering/gate-stage.ts";
import { gateShapeOf, uniformGates } from "../../transformer/gates.ts";
import { wholeBlock } from "../forward.ts";
import { gateFeeds, type PassForm } from "../gates/gate-passes.ts";
import { gateSums } from "../gates/gated-model.ts";
import { lossesWithSlope, type Ranking, type RankingInputs } from "./ranking.ts";

export const relp: Ranking = {
  name: "relp",
  estimates:
    "Node attribution as nap does it, with a gradient in which norms' scales and attention patterns are held, activations are replaced by their secants, and gated products give half to each factor (relevance patching).",
  fails:
    "A head that matters by where later heads look gets no credit, since patterns are held; KL has no slope at the original, so it needs another loss.",
  scores: ["heads", "mlps", "neurons"],
  losses: lossesWithSlope,
  async score({ engine, gated, prompts, of, loss, signal, onProgress }) {
    onProgress(0, 1);
    const taken = await engine.take(prompts);
    const sums = gateSums(gated.shape, of, (value) => -value);
    const pass = { taken, signal, form: heldForm(engine, of, taken.batches) };
    await engine.differentiate(pass, { kind: "loss", loss, operators: "held" }, of.map(gateName), sums.visit);
    return sums.divided(prompts.length);
  },
};

/** Layers with open gates, in the form whose gradient is RelP's. */
function heldForm(
  { tools: { model, means } }: RankingInputs["engine"],
  kinds: RankingInputs["of"],
  batches: Awaited<ReturnType<RankingInputs["engine"]["take"]>>["batches"],
): PassForm {
  const open = uniformGates(gateShapeOf(model), 1);
  return {
    name: ["held", ...kinds].join(" "),
    graph: (layer) =>
      gateStage(wholeBlock(model, layer), model.width, { kinds, rows: means.rows.kind, operators: "held" }),
    async feeds(layer, batch) {
      const { members = [], length = 0 } = batches[batch] ?? {};
      return gateFeeds(means, open, kinds, layer, { prompts: members.length, length });
    },
  };
}
