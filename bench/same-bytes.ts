/**
 * `npm run bench -- same-bytes [--against COMMIT]`: whether this tree finds and ships the same circuits as
 * another commit, bit for bit. Both command lines extract nano's circuits of every built-in task in four
 * settings; the weights' bytes, the kept parts and every decision of the trace are compared. For changes of the
 * code that must not change any result.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { PAPER_TASKS } from "../src/experiments/paper-settings.ts";
import type { CircuitFile } from "../src/export/circuit-file.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import { folderLayout } from "../src/export/folder-layout.ts";
import { circuitKey } from "../src/transformer/circuit.ts";

const run = promisify(execFile);
const here = join(import.meta.dirname, "..");

/** The settings of the golden data (test/golden/README.md): each ablation, and whether MLPs are tried. */
const settings = [
  { name: "mean, MLPs tried", flags: ["--ablation", "mean"] },
  { name: "mean, heads only", flags: ["--ablation", "mean", "--no-mlps"] },
  { name: "zero, MLPs tried", flags: ["--ablation", "zero"] },
  { name: "zero, heads only", flags: ["--ablation", "zero", "--no-mlps"] },
] as const;

interface Extracted {
  readonly circuit: CircuitFile;
  readonly weights: Buffer;
}

/** @param commit any name that git accepts. @returns whether everything is the same. */
export async function benchSameBytes(commit: string): Promise<boolean> {
  const room = await realpath(await mkdtemp(join(tmpdir(), "pith-same-bytes-")));
  const tree = join(room, "tree");
  let same = true;
  try {
    await buildCommit(commit, tree);
    for (const name of PAPER_TASKS) {
      for (const setting of settings) {
        const flags = ["--task", name, ...setting.flags];
        const theirs = await extractWith(tree, join(room, "theirs"), flags);
        const ours = await extractWith(here, join(room, "ours"), flags);
        const difference = differenceOf(theirs, ours);
        same &&= difference === undefined;
        const bytes = `${ours.weights.length} bytes, ${ours.circuit.search.trace.length} decisions`;
        console.log(
          `${name.padEnd(13)} ${setting.name}  ${difference === undefined ? `same: ${bytes}` : `DIFFERENT: ${difference}`}`,
        );
      }
    }
    return same;
  } finally {
    await run("git", ["worktree", "remove", "--force", tree], { cwd: here }).catch(() => {});
    await rm(room, { recursive: true, force: true });
  }
}

/**
 * Builds the commit's command line with the packages of this tree; a commit that needs other packages can't be
 * compared.
 */
async function buildCommit(commit: string, tree: string): Promise<void> {
  process.stderr.write(`building ${commit} …\n`);
  await run("git", ["worktree", "add", "--detach", tree, commit], { cwd: here });
  await symlink(join(here, "node_modules"), join(tree, "node_modules"));
  await run("npx", ["tsdown"], { cwd: tree });
}

async function extractWith(tree: string, out: string, flags: readonly string[]): Promise<Extracted> {
  await run(process.execPath, [join(tree, "dist/cli.js"), "extract", ...flags, "--out", out, "--force"], {
    maxBuffer: 2 ** 26,
  });
  const path = join(out, folderLayout.circuit);
  return {
    // The file may have any earlier format: this tree reads all of them.
    circuit: parseCircuitFile(JSON.parse(await readFile(path, "utf8")), path),
    weights: await readFile(join(out, folderLayout.modelFolder, folderLayout.weights)),
  };
}

/** The first difference, in words; undefined if there is none. */
function differenceOf(theirs: Extracted, ours: Extracted): string | undefined {
  const [before, now] = [circuitKey(theirs.circuit.kept), circuitKey(ours.circuit.kept)];
  if (before !== now) return `kept were ${before}; now ${now}`;
  const [trace, ownTrace] = [theirs.circuit.search.trace, ours.circuit.search.trace];
  if (trace.length !== ownTrace.length) return `${trace.length} decisions were made; now ${ownTrace.length}`;
  const at = trace.findIndex((decision, index) => !sameDecision(decision, ownTrace[index]));
  if (at >= 0) {
    return `decision ${at} was ${JSON.stringify(trace[at])}; now ${JSON.stringify(ownTrace[at])}`;
  }
  if (theirs.weights.equals(ours.weights)) return undefined;
  if (theirs.weights.length !== ours.weights.length) {
    return `the weights had ${theirs.weights.length} bytes; now ${ours.weights.length}`;
  }
  return `the weights differ from byte ${theirs.weights.findIndex((byte, index) => byte !== ours.weights[index])} on`;
}

/** Compared bit for bit: JSON's numbers are written so that reading gives exactly the same number. */
const sameDecision = (one: Decision, other: Decision | undefined): boolean =>
  other !== undefined &&
  one.layer === other.layer &&
  one.component === other.component &&
  Object.is(one.kl, other.kl) &&
  Object.is(one.delta, other.delta) &&
  one.pruned === other.pruned &&
  (one.pass ?? 1) === (other.pass ?? 1);
