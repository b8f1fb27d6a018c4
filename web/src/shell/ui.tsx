import type { ComponentChildren } from "preact";

/** A short text beside the content: something to know, or something that went wrong. */
export function Notice({
  kind = "note",
  children,
}: {
  readonly kind?: "note" | "problem";
  readonly children: ComponentChildren;
}) {
  return (
    <div class={`notice ${kind}`} role={kind === "problem" ? "alert" : "status"}>
      {children}
    </div>
  );
}

/** A number that matters, with what it is. */
export function Measure({
  name,
  value,
  unit,
  large = false,
}: {
  readonly name: string;
  readonly value: string | number;
  readonly unit?: string;
  readonly large?: boolean;
}) {
  return (
    <div class={large ? "measure large" : "measure"}>
      <dt>{name}</dt>
      <dd>
        {value}
        {unit !== undefined && <span class="unit"> {unit}</span>}
      </dd>
    </div>
  );
}
