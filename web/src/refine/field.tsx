import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

/** What ties an input to its name and its hint. */
export interface FieldIds {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
}

/** A named input with a line about it. */
export function Field({
  label,
  unit,
  hint,
  wrong = false,
  wide = false,
  children,
}: {
  readonly label: string;
  readonly unit?: string;
  readonly hint?: ComponentChildren;
  /** The hint says what is wrong. */
  readonly wrong?: boolean;
  readonly wide?: boolean;
  readonly children: (ids: FieldIds) => ComponentChildren;
}) {
  const id = useId();
  const about = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div class={wide ? "field wide" : "field"}>
      <label for={id}>
        {label}
        {unit !== undefined && <span class="quiet"> ({unit})</span>}
      </label>
      {children({ id, "aria-describedby": about })}
      {hint !== undefined && (
        <small id={about} class={wrong ? "wrong" : "quiet"}>
          {hint}
        </small>
      )}
    </div>
  );
}

/** A number that is asked for. */
export function Numeric({
  label,
  unit,
  hint,
  ...rest
}: {
  readonly label: string;
  readonly unit?: string;
  readonly hint?: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onChange: (value: number) => void;
}) {
  const { onChange, value, ...limits } = rest;
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    const field = input.current;
    // What is being typed stays as it stands, such as "1." or "1e".
    if (field !== null && !Object.is(field.valueAsNumber, value)) field.valueAsNumber = value;
  }, [value]);
  return (
    <Field label={label} {...(unit && { unit })} {...(hint && { hint })}>
      {(ids) => (
        <input
          ref={input}
          type="number"
          required
          {...ids}
          {...limits}
          onInput={({ currentTarget: { valueAsNumber } }) => onChange(valueAsNumber)}
        />
      )}
    </Field>
  );
}
