/** The choice of a model: the embedded one, a folder, or one from the Hugging Face hub. */
import { formatBytes, formatCount } from "../../src/report/format.ts";
import type { ModelSummary, StudioInfo } from "../../src/server/api.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import {
  chooseEmbeddedModel,
  chooseOwnModel,
  model,
  modelFault,
  modelName,
  nameModel,
  openingModel,
  openModel,
  ownModel,
} from "./run-form.ts";

export function ModelChoice({ info }: { readonly info: StudioInfo }) {
  const [own, name] = [ownModel.value, modelName.value];
  const open = (event: Event) => {
    event.preventDefault();
    if (name.trim() !== "") void openModel(name.trim());
  };
  return (
    <section aria-labelledby="model-title">
      <h2 id="model-title">
        <span class="number">1</span> Model
      </h2>
      <fieldset class="choices">
        <legend class="visually-hidden">Model</legend>
        <label class="choice">
          <input type="radio" name="model" checked={!own} onChange={chooseEmbeddedModel} />
          <span>
            <strong class="verbatim">{info.embeddedModel.name}</strong>
            <span class="hint">Comes with Pith: {shape(info.embeddedModel)}. Seconds, not minutes.</span>
          </span>
        </label>
        <label class="choice">
          <input type="radio" name="model" checked={own} onChange={chooseOwnModel} />
          <span>
            <strong>Another</strong>
            <span class="hint">
              A folder or a GGUF file on this machine, or a name on the Hugging Face hub.
            </span>
          </span>
        </label>
      </fieldset>
      {own && (
        <form class="inline-form" onSubmit={open}>
          <label class="grow">
            <span class="label">Folder, GGUF file or hub name</span>
            <input
              type="text"
              value={name}
              placeholder="openai-community/gpt2"
              spellcheck={false}
              autocomplete="off"
              aria-describedby="model-hint"
              onInput={({ currentTarget }) => nameModel(currentTarget.value)}
            />
          </label>
          <button type="submit" class="button" disabled={openingModel.value || name.trim() === ""}>
            Open
          </button>
          <p class="hint" id="model-hint">
            A hub name is downloaded by the server if it is not in the cache: the one thing that asks beyond
            this machine, and only when you press Open.
          </p>
        </form>
      )}
      {openingModel.value && <Loading what="Opening the model…" />}
      {modelFault.value !== undefined && <FaultNotice fault={modelFault.value} />}
      {own && model.value !== undefined && (
        <p class="opened">
          <strong>{model.value.name}</strong>: {shape(model.value)}.
        </p>
      )}
    </section>
  );
}

function shape({ layers, heads, parameters, bytes }: ModelSummary): string {
  const [least, most] = [Math.min(...heads), Math.max(...heads)];
  const per = least === most ? `${most}` : `${least} to ${most}`;
  return `${layers} layers of ${per} heads, ${formatCount(parameters)} parameters, ${formatBytes(bytes)}`;
}
