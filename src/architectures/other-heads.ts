/** Heads of a checkpoint in addition to the model that Pith reads: for classes, spans, rewards. */
import { quote } from "../printable.ts";

/**
 * Heads of Hugging Face's …DoubleHeadsModel, …For…Classification and …QuestionAnswering, and TRL's value heads.
 */
const OTHER_HEAD = /^(?:multiple_choice_head|score|classifier|qa_outputs|v_head|summary)\./;

/** Whether a tensor belongs to such a head. */
export function isOtherHead(name: string): boolean {
  return OTHER_HEAD.test(name);
}

/** Reports the tensors that are left out. */
export function noteOtherHeads(names: Iterable<string>, onNote: (note: string) => void): void {
  const others = [...names].filter(isOtherHead);
  if (others.length === 0) return;
  onNote(`The checkpoint also holds ${others.map(quote).join(", ")}: another head, which is left out.`);
}
