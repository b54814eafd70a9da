/**
 * Fields of config.json that ask for a computation which no family of Pith knows. They are for other code than
 * transformers' (`trust_remote_code`), or they come from another family. They are accepted only with values that
 * change nothing.
 */
import { z } from "zod";

const nothing = (message: string, ...neutral: readonly (boolean | number)[]) =>
  z
    .union([z.literal(neutral), z.array(z.unknown()).max(0), z.strictObject({})], { error: message })
    .optional();

/** null was removed before: it changes nothing. */
export const noOtherComputation = {
  quantization_config: nothing("quantised weights are not read; take the model in F32, F16 or BF16", false),
  is_encoder_decoder: nothing("encoder–decoder models are not read", false),
  add_cross_attention: nothing("models with cross-attention are not read", false),
  pruned_heads: nothing("a model without some heads is not read", false),
  use_bidirectional_attention: nothing("only causal attention is read", false),
  alibi: nothing("ALiBi positions are not read", false),
  attn_logit_softcapping: nothing("this family caps no scores"),
  final_logit_softcapping: nothing("this family caps no logits"),
  embedding_multiplier: nothing("this family scales no embeddings so", 1),
  residual_multiplier: nothing("this family scales no residuals", 1),
  attention_multiplier: nothing("this family scales scores by the head's width"),
  logits_scaling: nothing("this family scales no logits", 1),
  logit_scale: nothing("this family scales no logits", 1),
  num_experts: nothing("a mixture of experts is not read", 0, 1),
  num_local_experts: nothing("a mixture of experts is not read", 0, 1),
  n_routed_experts: nothing("a mixture of experts is not read", 0),
};
