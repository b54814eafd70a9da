/**
 * Recognises models that Pith does not read, by their `model_type` or by fields of their config.json, and names
 * the part that Pith's description of a model lacks.
 */
import { isRecord, ownProperty } from "../files/json.ts";
import type { RawConfig } from "./config-fields.ts";

const MIXTURE =
  "is a mixture of experts: which MLP a token goes through is decided for each, and Pith knows no router";
const MULTIMODAL =
  "is multimodal: Pith reads the text decoder of no such model, only models that are saved as text decoders";
const ENCODER = "is an encoder: it sees the text in both directions, and predicts no next token";
const ENCODER_DECODER = "is an encoder–decoder model, and Pith knows no cross-attention";
const RECURRENT =
  "is recurrent, wholly or in part (a state-space model, say), and Pith knows attention alone";
const ALIBI = "is a model with ALiBi positions, which Pith does not know";

const kinds: readonly (readonly [kind: string, modelTypes: readonly string[]])[] = [
  [
    MIXTURE,
    [
      ...["mixtral", "qwen2_moe", "qwen3_moe", "qwen3_next", "qwen3_5_moe_text", "olmoe", "flex_olmo"],
      ...["deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_v4", "gpt_oss", "phimoe", "dbrx", "jetmoe"],
      ...["granitemoe", "granitemoeshared", "granitemoe_swa", "llama4_text", "ernie4_5_moe", "exaone_moe"],
      ...["glm4_moe", "glm4_moe_lite", "dots1", "hunyuan_v1_moe", "minimax", "minimax_m2", "longcat_flash"],
      ...["arctic", "grok-1", "cohere2_moe", "solar_open", "afmoe", "switch_transformers"],
    ],
  ],
  [
    MULTIMODAL,
    [
      ...["llava", "llava_next", "llava_onevision", "video_llava", "vipllava", "llava_qwen2", "paligemma"],
      ...["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen2_audio", "qwen2_5_omni", "qwen3_5"],
      ...["qwen3_5_moe", "gemma3", "gemma3n", "gemma4", "mllama", "llama4", "mistral3", "pixtral", "fuyu"],
      ...["idefics", "idefics2", "idefics3", "smolvlm", "internvl", "internvl_chat", "phi3_v"],
      ...["phi4_multimodal", "phi4mm", "blip", "blip-2", "instructblip", "git", "kosmos-2", "chameleon"],
      ...[
        "emu3",
        "aria",
        "aya_vision",
        "cohere2_vision",
        "glm4v",
        "glm4v_moe",
        "lfm2_vl",
        "voxtral",
        "janus",
      ],
      ...["florence2", "molmo", "molmo2", "ovis2", "clip", "siglip", "moondream1", "ultravox"],
    ],
  ],
  [
    ENCODER,
    [
      ...["bert", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "deberta", "deberta-v2"],
      ...["camembert", "modernbert", "nomic_bert", "mpnet", "longformer", "big_bird", "esm", "ernie", "xlm"],
      ...["layoutlm", "mobilebert", "squeezebert", "eurobert", "vit", "dinov2", "wav2vec2", "hubert"],
    ],
  ],
  [
    ENCODER_DECODER,
    [
      ...["t5", "mt5", "umt5", "longt5", "t5gemma", "bart", "mbart", "marian", "pegasus", "blenderbot"],
      ...["m2m_100", "led", "whisper", "encoder-decoder", "speech-encoder-decoder", "vision-encoder-decoder"],
    ],
  ],
  [
    RECURRENT,
    [
      ...["mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm", "recurrent_gemma", "jamba", "zamba", "zamba2"],
      ...["bamba", "nemotron_h", "falcon_h1", "granitemoehybrid", "lfm2", "lfm2_moe", "olmo_hybrid"],
      ...["kimi_linear", "bailing_hybrid", "qwen3_5_text"],
    ],
  ],
  [ALIBI, ["bloom", "mpt"]],
];

const byType = new Map(kinds.flatMap(([kind, types]) => types.map((type) => [type, kind] as const)));

/**
 * The description of a model that no family reads: "is a mixture of experts: …"; undefined if it is not known.
 */
export function unreadKind(modelType: string, raw: RawConfig): string | undefined {
  const known = byType.get(modelType);
  if (known !== undefined) return known;
  if (ownProperty(raw, "is_encoder_decoder") === true) return ENCODER_DECODER;
  if (["vision_config", "audio_config", "text_config"].some((field) => isRecord(ownProperty(raw, field))))
    return MULTIMODAL;
  const experts = ["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"];
  return experts.some((field) => Number(ownProperty(raw, field)) > 1) ? MIXTURE : undefined;
}
