/**
 * A field for a number. Text that is not a number, or is out of range, stays so that it can be corrected, and the
 * form is told.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useState } from "preact/hooks";
import { isWithin, type NumberRange } from "../../src/number-range.ts";
import { markField } from "./run-form.ts";

export interface NumberFieldProps {
  /** The field's name, unique in the form. */
  readonly name: string;
  readonly label: string;
  readonly value: number;
  readonly range: NumberRange;
  /** An example of a valid number, for the error message. */
  readonly example?: number;
  readonly onValue: (value: number) => void;
  readonly hint?: string;
  /** Another control for the same number, shown in the field's row. */
  readonly beside?: ComponentChildren;
}

export function NumberField(props: NumberFieldProps) {
  const { name, label, value, range, example, onValue, hint, beside } = props;
  const id = useId();
  const [text, setText] = useState(String(value));
  const message = isWithin(range, numberOf(text)) ? undefined : wanted(range, example);
  // A value from elsewhere, such as a slider, replaces the typed text.
  useLayoutEffect(() => {
    if (numberOf(text) !== value) setText(String(value));
  }, [value]);
  // A removed field no longer counts as wrong.
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

/** NaN for an empty text, which `Number` would convert to 0. */
function numberOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
