/** The whole shared page: one circuit, or several, of which the address's fragment names one. */
import { useEffect, useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { parseCircuitFile } from "../../src/export/circuit-json.ts";
import { folderLayout } from "../../src/export/folder-layout.ts";
import { ruleOf } from "../../src/export/search-text.ts";
import { licencesFileName, type SharedCircuit, type SiteFile } from "../../src/export/site-file.ts";
import { circuitMapSvg, mapOfCircuit } from "../../src/report/maps/circuit-map.ts";
import { fetchJson } from "../inference/fetch-file.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { useAsked } from "../understand/ask.ts";
import { Scores } from "../understand/scores.tsx";
import { ShareDownload } from "./share-download.tsx";
import { SharePrompt } from "./share-prompt.tsx";

export function SharePage({ site }: { readonly site: SiteFile }) {
  const [fragment, setFragment] = useState(location.hash.slice(1));
  useEffect(() => {
    const follow = () => setFragment(location.hash.slice(1));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const labels = useLabels(site);
  const shown = site.circuits.find(({ name }) => name === fragment) ?? site.circuits[0];
  return (
    <>
      <main>
        <header>
          <p class="kicker">A circuit that runs in your browser</p>
          <h1>{site.title}</h1>
        </header>
        {site.circuits.length > 1 && (
          <nav class="tabs share-choice" aria-label="Circuits">
            {site.circuits.map(({ name }) => (
              <a key={name} href={`#${name}`} aria-current={name === shown?.name ? "page" : undefined}>
                {labels.get(name) ?? name}
              </a>
            ))}
          </nav>
        )}
        {shown !== undefined && <ShownCircuit key={shown.name} shared={shown} />}
      </main>
      <footer class="share-foot">
        <p class="hint">
          Made with Pith {site.pith}. Nothing that you type leaves this page: there is no server behind it.{" "}
          <a href={`./${licencesFileName}`}>Licences</a>
        </p>
      </footer>
    </>
  );
}

/**
 * The label of each circuit is its task and model; if several have the same label, the threshold or the folder's
 * name is added.
 */
function useLabels({ circuits }: SiteFile): ReadonlyMap<string, string> {
  const { value } = useAsked(circuits.length > 1 ? "" : undefined, (abort) =>
    Promise.all(
      circuits.map(async (shared) => {
        const circuit = await readCircuit(shared, abort);
        const { task, model } = circuit;
        const label = `${task.name} on ${model.name}`;
        return [label, `${label}, ${ruleOf(circuit)}`, `${label}, ${shared.name}`];
      }),
    ),
  );
  const unlike = (text: string, place: number) =>
    value?.filter((labels) => labels[place] === text).length === 1;
  return new Map(circuits.map(({ name }, index) => [name, value?.[index]?.find(unlike) ?? name]));
}

async function readCircuit({ path, files }: SharedCircuit, signal: AbortSignal): Promise<CircuitFile> {
  const url = new URL(path + folderLayout.circuit, document.baseURI).href;
  const expected = files.find(({ name }) => name === folderLayout.circuit);
  return parseCircuitFile(await fetchJson(url, { expected, signal }), url);
}

function ShownCircuit({ shared }: { readonly shared: SharedCircuit }) {
  const { value: circuit, fault } = useAsked(shared.name, (abort) => readCircuit(shared, abort));
  if (fault !== undefined) return <FaultNotice fault={fault} />;
  if (circuit === undefined) return <Loading what="Opening the circuit…" />;
  const { model, task } = circuit;
  return (
    <>
      <p class="lead">
        The part of <strong>{model.name}</strong> that does one task, <strong>{task.name}</strong>
        {shared.about !== undefined && ` (${shared.about})`}, cut out as a model of its own. On any other text
        its answers mean nothing, though they may look fluent.
      </p>
      <SharePrompt shared={shared} circuit={circuit} />
      <div class="share-kept">
        <section aria-labelledby="map-title">
          <h2 id="map-title">What is left of it</h2>
          {/* The picture's texts are escaped where the picture is made. */}
          <figure
            class="picture share-map"
            dangerouslySetInnerHTML={{ __html: circuitMapSvg(mapOfCircuit(circuit, "circuit-map")) }}
          />
        </section>
        <Scores circuit={circuit} />
      </div>
      <ShareDownload shared={shared} circuit={circuit} />
    </>
  );
}
