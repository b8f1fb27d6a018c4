import { Numeric } from "./field.js";

/** Room that a refinement may take on the device, megabytes. */
export function MemoryField({
  value,
  onChange,
}: {
  readonly value: number;
  readonly onChange: (megabytes: number) => void;
}) {
  return (
    <Numeric
      label="Memory"
      unit="MB"
      value={value}
      min={2}
      max={65_536}
      step={1}
      hint="On the device that computes. Batches and what is kept of all orientations are made to fit it."
      onChange={onChange}
    />
  );
}
