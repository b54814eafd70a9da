/** The tokenizer as it is shipped, with settings that generation tools need and that models often leave out. */
import type { TokenizerFiles } from "../tokenizer/tokenizer.ts";

/** Batches are padded on the left, with the end-of-text token if there is no padding token. */
export function shippedTokenizer(files: TokenizerFiles): TokenizerFiles {
  const config = files["tokenizer_config.json"];
  const padding = config["pad_token"] ?? config["eos_token"];
  return {
    ...files,
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      ...config,
      ...(padding === undefined ? {} : { pad_token: padding }),
      padding_side: "left",
    },
  };
}
