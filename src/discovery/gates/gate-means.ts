/** What stands at gates of 0: the replacements of a search, as heads, MLPs and neurons compute them. */
import type { GateKind } from "../../transformer/gates.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { type Constant, zeroConstant } from "../constant.ts";
import { wholeBlock } from "../forward.ts";
import type { Replacements } from "../replacements.ts";
import type { GateMeans } from "./gate-passes.ts";

/** @param replacements with those of neurons, where gates of neurons are asked for. */
export function gateMeansOf(model: Transformer, replacements: Replacements): GateMeans {
  const { rows } = replacements;
  const known = new Map<string, Constant>();
  const make = (kind: GateKind, layer: number): Constant => {
    switch (kind) {
      case "heads": {
        const { heads, headWidth } = wholeBlock(model, layer).attention;
        return replacements.headValues(layer) ?? zeroConstant(rows, heads.length * headWidth);
      }
      case "mlps":
        return replacements.mlp(layer);
      case "neurons":
        return replacements.neurons(layer);
    }
  };
  return {
    rows,
    of(kind, layer) {
      const key = `${kind} ${layer}`;
      const constant = known.get(key) ?? make(kind, layer);
      known.set(key, constant);
      return constant;
    },
  };
}
