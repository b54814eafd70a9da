/** A number as text: what is no number, or is out of range, stays to be mended, and the form knows of it. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useState } from "preact/hooks";
import { isWithin, type NumberRange } from "../../src/number-range.ts";
import { markField } from "./run-form.ts";

export interface NumberFieldProps {
  /** Unlike the others' of the form. */
  readonly name: string;
  readonly label: string;
  readonly value: number;
  readonly range: NumberRange;
  /** A number that could be given, for the sentence on what is wrong. */
  readonly example?: number;
  readonly onValue: (value: number) => void;
  readonly hint?: string;
  /** Another way to choose the same number, shown in the field's row. */
  readonly beside?: ComponentChildren;
}

export function NumberField(props: NumberFieldProps) {
  const { name, label, value, range, example, onValue, hint, beside } = props;
  const id = useId();
  const [text, setText] = useState(String(value));
  const message = isWithin(range, numberOf(text)) ? undefined : wanted(range, example);
  // A value that comes from elsewhere, as from a slider, takes the place of what is typed.
  useLayoutEffect(() => {
    if (numberOf(text) !== value) setText(String(value));
  }, [value]);
  // A field that is gone holds nothing wrong.
  useEffect(() => {
    markField(name, message !== undefined);
    return () => markField(name, false);
  }, [name, message]);
  const described = [message !== undefined && `${id}-wrong`, hint !== undefined && `${id}-hint`];
  return (
    <div class="field number-field">
      <label class="label" for={id}>
        {label}
      </label>
      <div class="number-row">
        {beside}
        <input
          id={id}
          type="text"
          inputMode={range.whole ? "numeric" : "decimal"}
          autocomplete="off"
          value={text}
          aria-invalid={message !== undefined}
          aria-describedby={described.filter(Boolean).join(" ") || undefined}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            const next = numberOf(currentTarget.value);
            if (isWithin(range, next)) onValue(next);
          }}
        />
      </div>
      <span id={`${id}-wrong`} class="field-wrong" aria-live="polite">
        {message}
      </span>
      {hint !== undefined && (
        <span id={`${id}-hint`} class="hint">
          {hint}
        </span>
      )}
    </div>
  );
}

/** "A number above 0, as 0.02." */
function wanted({ above, wanted: words }: NumberRange, example: number | undefined): string {
  const text =
    above === undefined ? words.replace(/^./, (letter) => letter.toUpperCase()) : `A number above ${above}`;
  return `${text}${example === undefined ? "" : `, as ${example}`}.`;
}

/** Not a number for an empty text, which `Number` takes for nought. */
function numberOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
