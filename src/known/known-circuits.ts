/**
 * Circuits that people found by hand in GPT-2 small, as data with their sources; searches are compared with them.
 * Lists differ between publications, so each is a variant of its own. The default variant of a task is the one
 * against which the paper computes its published rates.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { readJson } from "../files/json.ts";
import { quote } from "../printable.ts";
import { headNumber } from "../transformer/component.ts";

/** An attention head: its layer and its number there, both counted from 0. */
export type Head = readonly [layer: number, head: number];

/** Heads with one role, as the source classifies them. */
export interface HeadGroup {
  /** What the heads do, in the source's words. */
  readonly role: string;
  /** The heads. */
  readonly heads: readonly Head[];
}

/** A circuit that people found by hand. */
export interface KnownCircuit {
  /** The circuit's name: the task, and the number of heads, which tells variants apart: "ioi/26". */
  readonly id: string;
  /** The task that it does. */
  readonly task: string;
  /** Its heads, by their roles. */
  readonly groups: readonly HeadGroup[];
  /** The publications that give the list. */
  readonly sources: readonly string[];
  /** How it differs from the other variants; may be empty. */
  readonly note: string;
}

/** The number of heads in each layer of GPT-2 small, to which the built-in lists belong. */
export const GPT2_SMALL_HEADS: readonly number[] = Array.from({ length: 12 }, () => 12);

// Repositories are given with the commit that was read.
const PAPER_CODE = "jgcarrasco/circuit-extraction@449b1072c18c09ee155d5b96046e373b4d82790d utils.py";
const ACDC_CODE = "ArthurConmy/Automatic-Circuit-Discovery@bc99ace817974b5584b7ee203d596a8e2bbcd399";

const IOI_CORE: readonly HeadGroup[] = [
  {
    role: "name mover",
    heads: [
      [9, 6],
      [9, 9],
      [10, 0],
    ],
  },
  {
    role: "negative name mover",
    heads: [
      [10, 7],
      [11, 10],
    ],
  },
  {
    role: "backup name mover",
    heads: [
      [9, 0],
      [9, 7],
      [10, 1],
      [10, 2],
      [10, 6],
      [10, 10],
      [11, 2],
      [11, 9],
    ],
  },
  {
    role: "S-inhibition",
    heads: [
      [7, 3],
      [7, 9],
      [8, 6],
      [8, 10],
    ],
  },
  {
    role: "previous token",
    heads: [
      [2, 2],
      [4, 11],
    ],
  },
];

/** The known circuits that come with Pith, all of GPT-2 small: a task's default first. */
export const KNOWN_CIRCUITS: readonly KnownCircuit[] = [
  {
    id: "ioi/23",
    task: "ioi",
    groups: [
      ...IOI_CORE,
      {
        role: "induction",
        heads: [
          [5, 5],
          [6, 9],
        ],
      },
      {
        role: "duplicate token",
        heads: [
          [0, 1],
          [3, 0],
        ],
      },
    ],
    sources: ["Wang et al. 2023, arXiv:2211.00593", PAPER_CODE],
    note: "What the paper's published rates count: the 26 without 5.8, 5.9 and 0.10.",
  },
  {
    id: "ioi/26",
    task: "ioi",
    groups: [
      ...IOI_CORE,
      {
        role: "induction",
        heads: [
          [5, 5],
          [5, 8],
          [5, 9],
          [6, 9],
        ],
      },
      {
        role: "duplicate token",
        heads: [
          [0, 1],
          [0, 10],
          [3, 0],
        ],
      },
    ],
    sources: ["Wang et al. 2023, arXiv:2211.00593", `${ACDC_CODE} acdc/ioi/utils.py`],
    note: "The whole circuit, as ACDC compares with it.",
  },
  {
    id: "greater-than/8",
    task: "greater-than",
    groups: [
      {
        role: "reads the start year",
        heads: [
          [5, 1],
          [5, 5],
          [6, 1],
          [6, 9],
          [7, 10],
          [8, 8],
          [8, 11],
          [9, 1],
        ],
      },
    ],
    sources: ["Hanna, Liu and Variengien 2023, arXiv:2305.00586", PAPER_CODE],
    note: "What the paper's published rates count; it has 5.1 and 8.8, and no head of layer 0.",
  },
  {
    id: "greater-than/9",
    task: "greater-than",
    groups: [
      {
        role: "first layer",
        heads: [
          [0, 1],
          [0, 3],
          [0, 5],
        ],
      },
      {
        role: "reads the start year",
        heads: [
          [5, 5],
          [6, 1],
          [6, 9],
          [7, 10],
          [8, 11],
          [9, 1],
        ],
      },
    ],
    sources: ["Hanna, Liu and Variengien 2023, arXiv:2305.00586", `${ACDC_CODE} acdc/greaterthan/utils.py`],
    note: "As ACDC compares with it: three heads of layer 0, without 5.1 and 8.8.",
  },
  {
    id: "acronyms/8",
    task: "acronyms",
    groups: [
      {
        role: "letter mover",
        heads: [
          [8, 11],
          [9, 9],
          [10, 10],
          [11, 4],
        ],
      },
      {
        role: "other",
        heads: [
          [1, 0],
          [2, 2],
          [4, 11],
          [5, 8],
        ],
      },
    ],
    sources: [
      "García-Carrasco, Maté and Trujillo 2024, arXiv:2405.04156",
      "jgcarrasco/acronyms_paper@3b5802be97a0a763b6cd40fe4be02df15a38e24a evaluation.py, mover_heads.py",
      PAPER_CODE,
    ],
    note: "",
  },
];

/** The variants of a task, its default first; empty for a task without a known circuit. */
export function knownCircuitsOf(task: string): readonly KnownCircuit[] {
  return KNOWN_CIRCUITS.filter((circuit) => circuit.task === task);
}

/**
 * @param id a variant ("ioi/26"), or a task for its default ("ioi").
 * @throws PithError "options" for any other.
 */
export function knownCircuit(id: string): KnownCircuit {
  const found = KNOWN_CIRCUITS.find((circuit) => circuit.id === id) ?? knownCircuitsOf(id)[0];
  if (found !== undefined) return found;
  throw new PithError("options", `there is no known circuit ${quote(id)}.`, {
    advice: `Choose ${KNOWN_CIRCUITS.map((circuit) => circuit.id).join(", ")}, or give a file.`,
  });
}

/** All heads of a known circuit, ascending. */
export function knownHeads(circuit: KnownCircuit): readonly Head[] {
  return circuit.groups
    .flatMap(({ heads }) => heads)
    .toSorted(([layerA, headA], [layerB, headB]) => layerA - layerB || headA - headB);
}

const index = z.int().min(0).max(9999);
const userFile = z.looseObject({
  heads: z.array(z.tuple([index, index])).min(1, "names no heads"),
});

/**
 * Parses a user's own list: {"heads": [[layer, head], …]}; a circuit.json of format 1 also has these fields.
 * @param fileName its name without folder and extension becomes the circuit's id.
 * @throws PithError "circuit" with file and field.
 */
export function parseKnownCircuit(contents: string, fileName: string): KnownCircuit {
  const json = readJson(contents.replace(/^\uFEFF/, ""));
  if (json.kind !== "value") {
    throw new PithError("circuit", `${json.fault}.`, {
      place: { file: fileName },
      advice: 'Write {"heads": [[layer, head], …]}, both counting from 0.',
    });
  }
  const result = userFile.safeParse(json.value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const field = issue?.path.map(String).join(".") ?? "";
    throw new PithError("circuit", `${issue?.message ?? "malformed"}.`, {
      place: { file: fileName, ...(field !== "" && { field }) },
      advice: 'Write {"heads": [[layer, head], …]}, both counting from 0.',
    });
  }
  const { heads } = result.data;
  const seen = new Set<string>();
  for (const [place, [layer, head]] of heads.entries()) {
    const name = headNumber(layer, head);
    if (seen.has(name)) {
      throw new PithError("circuit", `the head ${name} stands there twice`, {
        place: { file: fileName, field: `heads.${place}` },
      });
    }
    seen.add(name);
  }
  const id = fileName.replace(/^.*[/\\]/, "").replace(/(?<=.)\.json$/i, "");
  return { id, task: id, groups: [{ role: "given", heads }], sources: [fileName], note: "" };
}
