/**
 * Flips single bits of a shipped folder and checks that every change of what is read is noticed. Also prints the
 * cost of the check when a folder is opened. Run: npx tsx bench/flips.ts DIR [count]
 */
import { cp, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PithError } from "../src/errors.ts";
import { checkFiles } from "../src/export/check-files.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";

const [directory, count = "10000"] = process.argv.slice(2);
if (directory === undefined) throw new Error("give a circuit's folder");
const place = await mkdtemp(join(tmpdir(), "pith-flips-"));
const folder = join(place, "circuit");
await cp(directory, folder, { recursive: true });

const circuitPath = join(folder, "circuit.json");
const readCircuit = async () => parseCircuitFile(JSON.parse(await readFile(circuitPath, "utf8")));
const valid = await readCircuit();
const files = valid.files ?? [];
const names = files.map(({ name }) => name);

const begin = performance.now();
await checkFiles(folder, files, names);
const milliseconds = performance.now() - begin;
const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
console.log(
  `checking ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB: ${milliseconds.toFixed(1)} ms, ${(bytes / 1e6 / milliseconds).toFixed(2)} GB/s`,
);

const tally = { noticed: 0, nothingChanged: 0, unnoticed: 0 };
for (let turn = 0; turn < Number(count); turn++) {
  const name = [...names, "circuit.json"][turn % (names.length + 1)] ?? "";
  const handle = await open(join(folder, name), "r+");
  const { size } = await handle.stat();
  const offset = Math.floor(Math.random() * size);
  const { buffer } = await handle.read(new Uint8Array(1), 0, 1, offset);
  const byte = buffer[0] ?? 0;
  await handle.write(Uint8Array.of(byte ^ (1 << Math.floor(Math.random() * 8))), 0, 1, offset);
  try {
    const read = name === "circuit.json" ? await readCircuit() : undefined;
    await checkFiles(folder, files, read === undefined ? [name] : []);
    const same = read !== undefined && JSON.stringify(read) === JSON.stringify(valid);
    tally[same ? "nothingChanged" : "unnoticed"]++;
    if (!same) console.log(`unnoticed: ${name}, byte ${offset}`);
  } catch (error) {
    if (!(error instanceof PithError || error instanceof SyntaxError)) throw error;
    tally.noticed++;
  }
  await handle.write(Uint8Array.of(byte), 0, 1, offset);
  await handle.close();
}
console.log(tally);
await rm(place, { recursive: true });
