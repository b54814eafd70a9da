/**
 * Sentences for indirect object identification. [B] is the subject, which occurs twice; [A] is the indirect
 * object and the answer. In the order BABA, the first two names stand as written here; in ABBA they are
 * exchanged.
 */

/**
 * Which name comes first in an indirect-object prompt: [B] is the subject, which occurs twice, [A] the indirect
 * object.
 */
export type NameOrder = "BABA" | "ABBA";

/** The paper's one template (appendix A), without its answer. */
export const PAPER_TEMPLATE = "Then, [B] and [A] went to the [PLACE]. [B] gave a [OBJECT] to";

/** Fifteen templates of Pith's own; each has 15 tokens with GPT-2's tokenizer, like the paper's. */
export const VARIED_TEMPLATES: readonly string[] = [
  "When [B] and [A] came to the [PLACE], [B] handed a [OBJECT] over to",
  "After [B] and [A] left the [PLACE], [B] decided to give a [OBJECT] to",
  "While [B] and [A] sat in the [PLACE], [B] showed a new [OBJECT] to",
  "Yesterday, [B] and [A] met at the [PLACE]. [B] brought a [OBJECT] to",
  "Later, [B] met [A] outside the [PLACE], and [B] passed a [OBJECT] to",
  "Once [B] and [A] had reached the [PLACE], [B] offered a small [OBJECT] to",
  "Today [B] and [A] visited the old [PLACE]. Then [B] sent a [OBJECT] to",
  "Inside the [PLACE], [B] sat down with [A]. [B] gave a [OBJECT] to",
  "Near the [PLACE], [B] and [A] found a [OBJECT]. [B] gave it to",
  "At the [PLACE], [B] and [A] saw a [OBJECT]. [B] bought it for",
  "Last night [B] and [A] stayed at the [PLACE]. [B] lent a [OBJECT] to",
  "Because [B] and [A] worked at the [PLACE], [B] often took a [OBJECT] to",
  "Before [B] and [A] drove to the [PLACE], [B] promised a nice [OBJECT] to",
  "Soon [B] and [A] were back inside the [PLACE]. [B] threw a [OBJECT] to",
  "Then [B] argued with [A] near the [PLACE], and [B] returned a [OBJECT] to",
];

/** A template in the given order; for ABBA the first [A] and the first [B] are exchanged. */
export function inOrder(template: string, order: NameOrder): string {
  if (order === "BABA") return template;
  return template.replace("[B]", "[first]").replace("[A]", "[B]").replace("[first]", "[A]");
}

/** The template cut into pieces at its slots, e.g. "Then,", " [B]", " and", …; a slot includes its space. */
export function templatePieces(template: string): readonly string[] {
  return template.split(/( ?\[[A-Z]+\])/).filter((piece) => piece !== "");
}
