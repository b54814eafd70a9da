/**
 * Indirect object identification (Wang et al. 2023): "Then, John and Mary went to the store. John gave a ring
 * to" → " Mary". Names, places and objects are one token each with their space.
 */
import { PithError } from "../../errors.ts";
import lists from "../word-lists/ioi.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts } from "./draw-prompts.ts";
import {
  inOrder,
  type NameOrder,
  PAPER_TEMPLATE,
  templatePieces,
  VARIED_TEMPLATES,
} from "./ioi-templates.ts";
import { isOneToken, keepsBorders, keepWords, ofOneLength, pick } from "./token-words.ts";

interface IoiWords {
  readonly names: readonly string[];
  readonly places: readonly string[];
  readonly objects: readonly string[];
}

export interface IoiOptions extends BuiltinTaskOptions {
  /**
   * Indirect objects: the paper's single template, or fifteen of Pith's own.
   * @defaultValue "paper"
   */
  readonly templates?: "paper" | "varied" | undefined;
  /**
   * Indirect objects: which of the two names comes first.
   * @defaultValue ["BABA"], as in the paper
   */
  readonly orders?: readonly NameOrder[] | undefined;
  /** Left out: the published lists. */
  readonly words?: Partial<IoiWords> | undefined;
}

const TASK = "ioi";
const PUBLISHED_COUNT = 150;

/**
 * @throws PithError "task" when the tokenizer leaves too few words for the requested prompts; "options" for an
 * empty list of orders.
 */
export function ioiTask(tokenizer: TaskTokenizer, options: IoiOptions = {}): BuiltinTask {
  const words = { ...lists, ...options.words };
  const keep = (kind: string, list: readonly string[], least: number) =>
    keepWords(TASK, kind, list, (word) => isOneToken(tokenizer, ` ${word}`), {
      least,
      need: "one token with their space",
    });
  const names = keep("names", words.names, 2);
  const places = keep("places", words.places, 1);
  const objects = keep("objects", words.objects, 1);

  const orders = [...new Set(options.orders ?? (["BABA"] as const))];
  if (orders.length === 0) {
    throw new PithError("options", `${TASK}: no order of names is left.`, {
      place: { field: "orders" },
      advice: "Give BABA, ABBA or both.",
    });
  }
  const written = options.templates === "varied" ? VARIED_TEMPLATES : [PAPER_TEMPLATE];
  // A slot is one token whatever word it gets, so any words can be used to measure a template.
  const sample: Slots = {
    A: pick(names.kept, 0),
    B: pick(names.kept, 1),
    PLACE: pick(places.kept, 0),
    OBJECT: pick(objects.kept, 0),
  };
  const templates = chooseTemplates(
    written.map((template) => ({ template, length: tokenizer.encode(fill(template, sample)).length })),
    options.means ?? "aligned",
  );
  const examples = drawPrompts(
    {
      task: TASK,
      sizes: [
        ...[templates.kept.length, orders.length],
        ...[names.kept.length, names.kept.length - 1, places.kept.length, objects.kept.length],
      ],
      build: ([template, order, a, b = 0, place, object]) => {
        const slots = {
          A: pick(names.kept, a),
          // The other name is drawn from the remaining ones.
          B: pick(names.kept, a !== undefined && b >= a ? b + 1 : b),
          PLACE: pick(places.kept, place),
          OBJECT: pick(objects.kept, object),
        };
        const text = inOrder(pick(templates.kept, template), pick(orders, order));
        const pieces = templatePieces(text).map((piece) => fill(piece, slots));
        if (!keepsBorders(tokenizer, pieces)) return undefined;
        return { prompt: pieces.join(""), answers: [` ${slots.A}`], distractors: [` ${slots.B}`] };
      },
    },
    options,
    PUBLISHED_COUNT,
  );
  return {
    name: TASK,
    description: "Who receives it: the name that stands once, not the giver's.",
    examples,
    bos: false,
    promptTokens: templates.length,
    words: [names.count, places.count, objects.count],
    notes: templates.notes,
  };
}

type Slots = Readonly<Record<"A" | "B" | "PLACE" | "OBJECT", string>>;

function fill(text: string, slots: Slots): string {
  return text.replace(/\[(A|B|PLACE|OBJECT)\]/g, (_, slot: keyof Slots) => slots[slot]);
}

/** Under aligned means, the largest group of templates of one length; the shorter of two equal groups. */
function chooseTemplates(
  measured: readonly { readonly template: string; readonly length: number }[],
  means: "aligned" | "pooled",
): {
  readonly kept: readonly string[];
  readonly length: number | undefined;
  readonly notes: readonly string[];
} {
  const all = measured.map(({ template }) => template);
  const { kept: group, length } = ofOneLength(measured, (each) => each.length);
  if (group.length === measured.length) return { kept: all, length, notes: [] };
  if (means === "pooled") return { kept: all, length: undefined, notes: [] };
  const note =
    `${measured.length - group.length} of ${measured.length} templates are left out: with this tokenizer they are not ` +
    `${length} tokens long, as the others are, and aligned means need one length.`;
  return { kept: group.map(({ template }) => template), length, notes: [note] };
}
