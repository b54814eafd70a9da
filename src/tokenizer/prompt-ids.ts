/** A prompt as a model reads it: as it stands or as a turn of a chat, with a start token or without. */
import type { ChatTemplate } from "./chat-template.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface PromptManner {
  /** The token before every prompt, if there is to be one. */
  readonly start: number | undefined;
  /** The template that makes a turn of the prompt; undefined: it is read as it stands. */
  readonly chat: ChatTemplate | undefined;
}

/**
 * Token ids of a prompt. A template that begins with the start token itself gets no second one.
 * @param system the system turn of a chat.
 */
export function promptTokens(
  tokenizer: Pick<Tokenizer, "encode">,
  prompt: string,
  { start, chat }: PromptManner,
  system?: string,
): readonly number[] {
  const ids = tokenizer.encode(chat === undefined ? prompt : chat.render(prompt, system));
  return start === undefined || (chat !== undefined && ids[0] === start) ? ids : [start, ...ids];
}
