import type { Ref } from "preact";
import { type Given, givenByInput } from "./give.js";

/** Asks the browser for files, or for a whole folder; hidden where a button of the page stands for it. */
export function FileInput({
  folder = false,
  hidden = false,
  label,
  input,
  onGive,
}: {
  readonly folder?: boolean;
  readonly hidden?: boolean;
  readonly label: string;
  readonly input?: Ref<HTMLInputElement>;
  readonly onGive: (given: Given) => void;
}) {
  return (
    <input
      ref={(element) => {
        if (element !== null) element.webkitdirectory = folder;
        if (typeof input === "object" && input !== null) input.current = element;
      }}
      type="file"
      multiple
      hidden={hidden}
      aria-label={label}
      onChange={({ currentTarget: { files } }) => {
        if (files !== null && files.length > 0) onGive(givenByInput(files));
      }}
    />
  );
}
