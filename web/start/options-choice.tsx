/** The options of a search, each with a sentence about its effect; rarely used options are folded away. */
import type { ComponentChildren } from "preact";
import { singleComponents } from "../../src/discovery/search-units.ts";
import { alphaOption, earlyExitOption } from "../../src/discovery/searches/greedy/greedy-options.ts";
import { seedRange } from "../../src/number-range.ts";
import type { RunOptions } from "../../src/server/api.ts";
import { thresholdCount } from "../../src/server/limits.ts";
import { NumberField } from "./number-field.tsx";
import {
  chooseKind,
  chooseOptions,
  chooseSweep,
  hasGroups,
  kind,
  options,
  strict,
  sweepAlphas,
  sweepFields,
  usesPooledMeans,
} from "./run-form.ts";

/** The slider for α: ten steps a decade, from 1e-5 to 10. */
const [leastDecade, mostDecade, stepsPerDecade] = [-5, 1, 10];

export function OptionsChoice() {
  const chosen = options.value;
  if (chosen === undefined) return null;
  return (
    <section aria-labelledby="options-title">
      <h2 id="options-title">
        <span class="number">3</span> Search
      </h2>
      <Radios
        legend="What to look for"
        name="kind"
        value={kind.value}
        choices={[
          ["extract", "One circuit", "One threshold, one circuit that you can use."],
          ["sweep", "A sweep", "Many thresholds at once, to see what size costs in accuracy."],
        ]}
        onChoose={(value) => chooseKind(value === "sweep" ? "sweep" : "extract")}
      />
      {kind.value === "extract" ? <Alpha value={chosen.alpha} /> : <SweepRange />}
      <Radios
        legend="Replace a pruned component by"
        name="ablation"
        value={chosen.ablation}
        choices={[
          [
            "mean",
            "its average",
            "What it gives on average over the patching prompts: gentle, the better circuits.",
          ],
          ["zero", "nothing", "It adds nothing at all: harsher, more has to stay."],
        ]}
        onChoose={(value) => chooseOptions({ ablation: value === "zero" ? "zero" : "mean" })}
      />
      <Check
        label="MLPs may go too"
        hint="Off: only attention heads are tried, and every MLP stays."
        checked={chosen.mlps}
        onChange={(mlps) => chooseOptions({ mlps })}
      />
      <MoreOptions chosen={chosen} />
    </section>
  );
}

function MoreOptions({ chosen }: { readonly chosen: RunOptions }) {
  return (
    <details class="more">
      <summary>More options</summary>
      <div class="inside">
        <Radios
          legend="Averages"
          name="means"
          value={chosen.means}
          choices={[
            ["aligned", "one for each position", "Prompts of one length: the smallest and fastest circuits."],
            [
              "pooled",
              "one for all positions",
              "Prompts of any length, and a circuit that can generate text.",
            ],
          ]}
          onChoose={(value) => chooseOptions({ means: value === "pooled" ? "pooled" : "aligned" })}
        />
        {usesPooledMeans(chosen) && <FirstPositionRadios chosen={chosen} />}
        <Radios
          legend="Order within a layer"
          name="order"
          value={chosen.order}
          choices={[
            ["published", "heads first", "As the paper's code does it."],
            ["downstream", "MLP first", "Strictly from the output to the input."],
          ]}
          onChoose={(value) => chooseOptions({ order: value === "downstream" ? "downstream" : "published" })}
        />
        {kind.value === "extract" && <ComponentsRadios chosen={chosen} />}
        {kind.value === "extract" && <RunningChoices chosen={chosen} />}
        {replacesByNothing(chosen) && (
          <Radios
            legend="A zeroed head's value bias"
            name="value-bias"
            value={chosen.valueBias ?? "removed"}
            choices={[
              ["removed", "goes with it", "The head adds nothing at all."],
              ["kept", "stays", "As in the paper's code, which counts value biases as the layer's own."],
            ]}
            onChoose={(value) => chooseOptions({ valueBias: value === "kept" ? "kept" : "removed" })}
          />
        )}
        <NumberField
          name="seed"
          label="Seed"
          value={chosen.seed}
          range={seedRange}
          onValue={(seed) => chooseOptions({ seed })}
          hint="Draws or splits the prompts; the same seed gives the same circuit."
        />
        <Check
          label="Start every prompt with the model's start token"
          hint="Some models were trained so; unless set, the task decides."
          checked={chosen.bos ?? false}
          onChange={(bos) => chooseOptions({ bos })}
        />
        <Check
          label="Put every prompt through the model's chat template"
          hint="For models that were trained on conversations: the answer begins the assistant's turn."
          checked={chosen.chat ?? false}
          onChange={(chat) => chooseOptions({ chat })}
        />
        <Check
          label="Start nothing while there are warnings"
          hint="Those that stand below the task, of what the original does with it."
          checked={strict.value}
          onChange={(checked) => {
            strict.value = checked;
          }}
        />
      </div>
    </details>
  );
}

function ComponentsRadios({ chosen }: { readonly chosen: RunOptions }) {
  return (
    <Radios
      legend="Tried as one candidate"
      name="components"
      value={chosen.components ?? singleComponents.name}
      choices={[
        ["heads,mlps", "each head, each MLP", "Every part by itself: the smallest circuits."],
        ["attention-layers", "all heads of a layer", "A coarse circuit, after far fewer trials."],
        ...(hasGroups() ? [groupsChoice] : []),
      ]}
      onChoose={(value) => chooseOptions({ components: value })}
    />
  );
}

const groupsChoice = [
  "kv-groups",
  "heads that share keys and values",
  "All of a group stay or go: other engines serve such circuits fastest.",
] as const;

const gigabyte = 1e9;
const memoryInGigabytes = { above: 0, wanted: "a number above 0" };

/** How the search is carried out: the circuit is the same. */
function RunningChoices({ chosen }: { readonly chosen: RunOptions }) {
  const { earlyExit = false, memory } = chosen;
  return (
    <>
      <Check
        label="Stop a trial early"
        hint={`${earlyExitOption.sentence} Of components that stay, only a lower bound of the cost is known.`}
        checked={earlyExit}
        onChange={(value) => chooseOptions({ earlyExit: value })}
      />
      <Check
        label="Bound the memory"
        hint="What does not fit waits on the disk; results are the same."
        checked={memory !== undefined}
        onChange={(bounded) => chooseOptions({ memory: bounded ? 4 * gigabyte : undefined })}
      />
      {memory !== undefined && (
        <NumberField
          name="memory"
          label="Memory of the studio, GB"
          value={memory / gigabyte}
          range={memoryInGigabytes}
          example={4}
          onValue={(value) => chooseOptions({ memory: Math.round(value * gigabyte) })}
          hint="A bound that is too small ends the run, which says how much would do."
        />
      )}
    </>
  );
}

function FirstPositionRadios({ chosen }: { readonly chosen: RunOptions }) {
  return (
    <Radios
      legend="The first position"
      name="first-position"
      value={chosen.firstPosition ?? "auto"}
      choices={[
        ["auto", "as the model needs it", "An average of its own if the model makes it an attention sink."],
        ["apart", "an average of its own", "And one for all other positions."],
        ["same", "one as all others", "One average for all positions."],
      ]}
      onChoose={(value) =>
        chooseOptions({ firstPosition: value === "apart" || value === "same" ? value : undefined })
      }
    />
  );
}

function replacesByNothing({ ablation }: RunOptions): boolean {
  return ablation === "zero" || (kind.value === "sweep" && sweepFields.value.zero);
}

function Alpha({ value }: { readonly value: number }) {
  return (
    <NumberField
      name="alpha"
      label={alphaOption.label}
      value={value}
      range={alphaOption.range}
      example={alphaOption.initial}
      onValue={(alpha) => chooseOptions({ alpha })}
      hint="A component goes if that changes the model's answers by less than this, in nats of KL divergence. Larger: smaller circuits that stray further."
      beside={
        <input
          type="range"
          min={leastDecade * stepsPerDecade}
          max={mostDecade * stepsPerDecade}
          step={1}
          value={Math.round(stepsPerDecade * Math.log10(value))}
          aria-label="Threshold α, on a logarithmic scale"
          aria-valuetext={`${value} nats`}
          onInput={({ currentTarget }) =>
            chooseOptions({
              alpha: Number((10 ** (currentTarget.valueAsNumber / stepsPerDecade)).toPrecision(2)),
            })
          }
        />
      }
    />
  );
}

function SweepRange() {
  const chosen = sweepFields.value;
  const number = (name: "from" | "to" | "count", label: string) => (
    <NumberField
      name={`sweep-${name}`}
      label={label}
      value={chosen[name]}
      {...(name === "count"
        ? { range: thresholdCount }
        : { range: alphaOption.range, example: alphaOption.initial })}
      onValue={(value) => chooseSweep({ [name]: value })}
    />
  );
  const alphas = sweepAlphas(chosen);
  return (
    <>
      <div class="sweep-range">
        {number("from", "α from")}
        {number("to", "to")}
        {number("count", "thresholds")}
      </div>
      {alphas.length === 0 ? (
        <p class="field-wrong" role="alert">
          The first must not be above the last.
        </p>
      ) : (
        <p class="hint">{alphas.join(", ")}: evenly spaced in the logarithm.</p>
      )}
      <Check
        label="Both kinds of replacement"
        hint="Averages and nothing, beside each other."
        checked={chosen.zero}
        onChange={(zero) => chooseSweep({ zero })}
      />
      <Check
        label="With and without pruning MLPs"
        hint="Doubles the sweep."
        checked={chosen.noMlps}
        onChange={(noMlps) => chooseSweep({ noMlps })}
      />
    </>
  );
}

interface RadiosProps {
  readonly legend: string;
  readonly name: string;
  readonly value: string;
  readonly choices: readonly (readonly [value: string, label: string, hint: string])[];
  readonly onChoose: (value: string) => void;
}

function Radios({ legend, name, value, choices, onChoose }: RadiosProps) {
  return (
    <fieldset class="choices pair">
      <legend class="label">{legend}</legend>
      {choices.map(([choice, label, hint]) => (
        <label class="choice" key={choice}>
          <input type="radio" name={name} checked={choice === value} onChange={() => onChoose(choice)} />
          <span>
            <strong>{label}</strong>
            <span class="hint">{hint}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

interface CheckProps {
  readonly label: string;
  readonly hint: ComponentChildren;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

function Check({ label, hint, checked, onChange }: CheckProps) {
  return (
    <label class="choice check">
      <input
        type="checkbox"
        checked={checked}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      <span>
        <strong>{label}</strong>
        <span class="hint">{hint}</span>
      </span>
    </label>
  );
}
