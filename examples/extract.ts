/**
 * Pith as a library: a task written on the spot, a circuit for it, and a question to the circuit. Ctrl-C stops
 * it. Run with `npm run example`.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countKept, extract, loadCircuit, loadModel, type PithEvent, readTask } from "pith";

const folder = await mkdtemp(join(tmpdir(), "pith-example-"));
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

/** Whoever is not named a second time is given the thing. Each name is one token of the embedded model. */
function writeExamples(): string {
  const people = [
    "Alice",
    "Brian",
    "Elizabeth",
    "George",
    "Joseph",
    "Kevin",
    "Maria",
    "Michael",
    "Rose",
    "Tyler",
  ];
  const places = ["garden", "house", "library", "market", "school", "station"];
  const lines = people.flatMap((giver) =>
    people
      .filter((other) => other !== giver)
      .map((other, index) => {
        const place = places[index % places.length];
        return {
          prompt: `Then, ${giver} and ${other} went to the ${place}. ${giver} gave a drink to`,
          answers: [` ${other}`],
        };
      }),
  );
  return lines.map((line) => JSON.stringify(line)).join("\n");
}

function show(event: PithEvent): void {
  if (event.kind === "step") console.log(`… ${event.step}`);
  if (event.kind === "decision" && !event.decision.pruned) {
    const { layer, component, delta } = event.decision;
    console.log(`  layer ${layer} keeps ${component}: without it, KL grows by ${delta.toFixed(3)} nats`);
  }
}

try {
  const path = join(folder, "who-gets-it.jsonl");
  await writeFile(path, writeExamples());

  // The embedded model; a folder or a Hugging Face name would stand here.
  const model = await loadModel();
  const task = await readTask(path);
  const { folder: made, circuit } = await extract(model, task, join(folder, "circuit"), {
    alpha: 0.05,
    seed: 7,
    signal: stop.signal,
    onEvent: show,
  });
  await model.close();
  const { body } = circuit.metrics.parameters.circuit;
  const kept = countKept(circuit.kept);
  console.log(`${kept.head} heads and ${kept.mlp} MLPs, ${body} parameters`);

  const standalone = await loadCircuit(made);
  const prompt = "Then, Rose and Kevin went to the market. Rose gave a drink to";
  for (const { text, probability } of await standalone.predict(prompt, 3)) {
    console.log(`${(100 * probability).toFixed(1).padStart(5)} %  ${JSON.stringify(text)}`);
  }
  await standalone.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
