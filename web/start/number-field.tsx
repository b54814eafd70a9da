/** A number as text: what is no number, or is out of range, stays to be mended, and the form knows of it. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useState } from "preact/hooks";
import { markField } from "./run-form.ts";

export interface NumberFieldProps {
  /** Unlike the others' of the form. */
  readonly name: string;
  readonly label: string;
  readonly value: number;
  /** Undefined for what can be used; else what it must be. */
  readonly wrong: (value: number) => string | undefined;
  readonly onValue: (value: number) => void;
  readonly hint?: string;
  readonly whole?: boolean;
  /** Another way to choose the same number, shown in the field's row. */
  readonly beside?: ComponentChildren;
}

export function NumberField(props: NumberFieldProps) {
  const { name, label, value, wrong, onValue, hint, whole = false, beside } = props;
  const id = useId();
  const [text, setText] = useState(String(value));
  const message = wrong(numberOf(text));
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
          inputMode={whole ? "numeric" : "decimal"}
          autocomplete="off"
          value={text}
          aria-invalid={message !== undefined}
          aria-describedby={described.filter(Boolean).join(" ") || undefined}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            const next = numberOf(currentTarget.value);
            if (wrong(next) === undefined) onValue(next);
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

/** Not a number for an empty text, which `Number` takes for nought. */
function numberOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
