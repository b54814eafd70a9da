/**
 * Indirect object identification (Wang et al. 2023): "Then, John and Mary went to the store. John gave a ring
 * to" → " Mary". Names, places and objects are one token each with their space.
 */
import { PithError } from "../../errors.ts";
import type { TaskExample } from "../task-file.ts";
import lists from "../word-lists/ioi.json" with { type: "json" };
import type { BuiltinTask, BuiltinTaskOptions, TaskTokenizer } from "./builtin-task.ts";
import { drawPrompts, type PromptSpace } from "./draw-prompts.ts";
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
  const words = keptWords(tokenizer, { ...lists, ...options.words });
  const orders = [...new Set(options.orders ?? (["BABA"] as const))];
  if (orders.length === 0) {
    throw new PithError("options", `${TASK}: no order of names is left.`, {
      place: { field: "orders" },
      advice: "Give BABA, ABBA or both.",
    });
  }
  const written = options.templates === "varied" ? VARIED_TEMPLATES : [PAPER_TEMPLATE];
  const templates = chooseTemplates(
    written.map((template) => ({ template, length: lengthOf(tokenizer, template, words) })),
    options.means ?? "aligned",
  );
  const space = spaceOf(tokenizer, words, templates.kept, orders);
  const examples = drawPrompts(space, options, PUBLISHED_COUNT);
  return {
    name: TASK,
    description: "Who receives it: the name that stands once, not the giver's.",
    examples,
    bos: false,
    promptTokens: templates.length,
    words: [words.names.count, words.places.count, words.objects.count],
    notes: templates.notes,
  };
}

/** Prompts of sentences, or of an order of names, that others do not have. */
export interface OtherWording {
  /** What is other about them. */
  readonly name: string;
  readonly examples: readonly TaskExample[];
}

/**
 * The task in other words than these prompts have: the same sentences with the names in the other order, and other
 * sentences in the same orders.
 * @param length tokens that every prompt must have; undefined: any number.
 * @returns undefined where the prompts are of no sentence that is known here; empty where they have all of them.
 */
export function otherIoiWordings(
  tokenizer: TaskTokenizer,
  prompts: readonly string[],
  {
    seed,
    length,
    count,
  }: { readonly seed: number; readonly length: number | undefined; readonly count: number },
): readonly OtherWording[] | undefined {
  const known = [PAPER_TEMPLATE, ...VARIED_TEMPLATES].flatMap((template) =>
    allOrders.map((order) => ({ template, order, pattern: patternOf(inOrder(template, order)) })),
  );
  const found = prompts.map((prompt) => known.find(({ pattern }) => pattern.test(prompt)));
  if (found.length === 0 || found.includes(undefined)) return undefined;
  const has = (template: string, order?: NameOrder) =>
    found.some((each) => each?.template === template && (order === undefined || each.order === order));
  const orders = allOrders.filter((order) => found.some((each) => each?.order === order));
  const words = keptWords(tokenizer, lists);
  const fits = ({ template }: { readonly template: string }) =>
    length === undefined || lengthOf(tokenizer, template, words) === length;
  const turned = known.filter(({ template, order }) => has(template) && !has(template, order)).filter(fits);
  const others = known.filter(({ template, order }) => !has(template) && orders.includes(order)).filter(fits);
  const draw = (name: string, wordings: typeof known): readonly OtherWording[] => {
    if (wordings.length === 0) return [];
    const written = wordings.map(({ template, order }) => inOrder(template, order));
    const counts = { patching: 0, validation: 0, test: count };
    const space = spaceOf(tokenizer, words, written, ["BABA"]);
    return [{ name, examples: drawPrompts(space, { seed, counts }, count) }];
  };
  const sentences = new Set(others.map(({ template }) => template)).size;
  return [
    ...draw(`names in the order ${[...new Set(turned.map(({ order }) => order))].join(" or ")}`, turned),
    ...draw(`${sentences} other ${sentences === 1 ? "sentence" : "sentences"}`, others),
  ];
}

const allOrders: readonly NameOrder[] = ["BABA", "ABBA"];

/** A template as a pattern: a slot is one word, the same one wherever it stands. */
function patternOf(template: string): RegExp {
  const met = new Set<string>();
  const pieces = template.split(/(\[[A-Z]+\])/).map((piece) => {
    const [, slot] = /^\[([A-Z]+)\]$/.exec(piece) ?? [];
    if (slot === undefined) return piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    if (met.has(slot)) return `\\k<${slot}>`;
    met.add(slot);
    return `(?<${slot}>[^\\s.,]+)`;
  });
  return new RegExp(`^${pieces.join("")}$`);
}

type KeptWords = ReturnType<typeof keptWords>;

/** The words that are one token each. */
function keptWords(tokenizer: TaskTokenizer, words: IoiWords) {
  const keep = (kind: string, list: readonly string[], least: number) =>
    keepWords(TASK, kind, list, (word) => isOneToken(tokenizer, ` ${word}`), {
      least,
      need: "one token with their space",
    });
  return {
    names: keep("names", words.names, 2),
    places: keep("places", words.places, 1),
    objects: keep("objects", words.objects, 1),
  };
}

/** Tokens of a template. A slot is one token whatever word it gets, so any words can be used to measure it. */
function lengthOf(tokenizer: TaskTokenizer, template: string, { names, places, objects }: KeptWords): number {
  const sample: Slots = {
    A: pick(names.kept, 0),
    B: pick(names.kept, 1),
    PLACE: pick(places.kept, 0),
    OBJECT: pick(objects.kept, 0),
  };
  return tokenizer.encode(fill(template, sample)).length;
}

/** All prompts of these templates. */
function spaceOf(
  tokenizer: TaskTokenizer,
  { names, places, objects }: KeptWords,
  templates: readonly string[],
  orders: readonly NameOrder[],
): PromptSpace {
  return {
    task: TASK,
    sizes: [
      ...[templates.length, orders.length],
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
      const text = inOrder(pick(templates, template), pick(orders, order));
      const pieces = templatePieces(text).map((piece) => fill(piece, slots));
      if (!keepsBorders(tokenizer, pieces)) return undefined;
      return { prompt: pieces.join(""), answers: [` ${slots.A}`], distractors: [` ${slots.B}`] };
    },
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
