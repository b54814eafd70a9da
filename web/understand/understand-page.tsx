/** The page that compares the circuit with its original: measurements, and the same prompt for both. */
import { useEffect, useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import type { RunDetail, TaskCheck } from "../../src/server/api.ts";
import { type Circuit, sameCircuit } from "../../src/transformer/circuit.ts";
import { post } from "../data/api-client.ts";
import { Disagreements } from "./disagreements.tsx";
import { KnockOut } from "./knock-out.tsx";
import { LookInside } from "./look-inside.tsx";
import { PromptSection } from "./prompt-section.tsx";
import { Rankings } from "./rankings.tsx";
import { Scores } from "./scores.tsx";

export interface UnderstandProps {
  readonly id: string;
  readonly detail: RunDetail;
  readonly circuit: CircuitFile;
}

export function UnderstandPage({ id, detail, circuit }: UnderstandProps) {
  const [prompt, setPrompt] = useState("");
  const own = circuit.kept;
  const [kept, setKept] = useState<Circuit>(own);
  const samples = useSamples(detail);
  useEffect(() => {
    const [first] = samples;
    if (prompt === "" && first !== undefined) setPrompt(first);
  }, [samples, prompt]);
  return (
    <>
      <Scores circuit={circuit} />
      <PromptSection id={id} circuit={circuit} prompt={prompt} samples={samples} onAsk={setPrompt} />
      {prompt !== "" && (
        <>
          <KnockOut {...{ id, circuit, prompt, own, kept }} onChange={setKept} />
          <LookInside {...{ id, prompt }} kept={sameCircuit(kept, own) ? undefined : kept} />
        </>
      )}
      <Rankings id={id} />
      <Disagreements
        id={id}
        onAsk={(chosen) => {
          setPrompt(chosen);
          document.getElementById("prompt-title")?.scrollIntoView({ block: "start" });
        }}
      />
    </>
  );
}

/** A few prompts of the run's own task as examples. */
function useSamples({ request }: RunDetail): readonly string[] {
  const [samples, setSamples] = useState<readonly string[]>([]);
  // A run's request does not change.
  useEffect(() => {
    const abort = new AbortController();
    const { model, task, options } = request;
    post<TaskCheck>("/api/tasks", { model, task, options }, abort.signal)
      .then(({ samples: found }) => setSamples(found.map(({ tokens }) => tokens.join("")).slice(0, 3)))
      // The page works without them: a prompt can be typed.
      .catch(() => undefined);
    return () => abort.abort();
  }, []);
  return samples;
}
