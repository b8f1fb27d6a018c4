import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

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
