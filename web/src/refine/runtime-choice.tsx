import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { counted } from "../../../src/app/report/numbers.js";
import { type RuntimeChoice, runtimeChoices } from "../job/words.js";

const names: Readonly<Record<RuntimeChoice, string>> = {
  auto: "Automatic",
  webgpu: "WebGPU",
  cpu: "Processor",
};

/** What WebGPU offers here; undefined until it was asked. */
const offered = signal<
  { readonly device: string; readonly software: boolean } | { readonly problem: string } | undefined
>(undefined);

async function ask(): Promise<void> {
  const { requestBrowserAdapter } = await import("../../../src/runtime/webgpu/browser.js");
  const { describeAdapter } = await import("../../../src/runtime/webgpu/index.js");
  try {
    offered.value = describeAdapter(await requestBrowserAdapter());
  } catch (error) {
    offered.value = { problem: (error as Error).message };
  }
}

const cores = counted(navigator.hardwareConcurrency, "core");

/** What a choice means on this machine. */
function meaning(choice: RuntimeChoice): string {
  const found = offered.value;
  const threads = crossOriginIsolated
    ? `WebAssembly on ${cores}`
    : "WebAssembly on one core: the server of this page does not isolate it, see the documentation on hosting";
  if (choice === "cpu") return threads;
  if (found === undefined) return "Looking for a graphics card";
  if ("problem" in found)
    return choice === "auto" ? `No WebGPU: ${found.problem}. ${threads}.` : found.problem;
  if (choice === "auto" && found.software) return `${found.device} runs on the processor, so: ${threads}`;
  return found.device;
}

/** Where refinements run. */
export function RuntimeField({
  value,
  onChange,
  disabled = false,
}: {
  readonly value: RuntimeChoice;
  readonly onChange: (choice: RuntimeChoice) => void;
  readonly disabled?: boolean;
}) {
  useEffect(() => {
    if (offered.value === undefined) ask();
  }, []);
  return (
    <fieldset class="runtime" disabled={disabled}>
      <legend>Runs on</legend>
      <div class="choice">
        {runtimeChoices.map((choice) => (
          <label key={choice}>
            <input
              type="radio"
              name="runtime"
              value={choice}
              checked={choice === value}
              onChange={() => onChange(choice)}
            />
            <span>{names[choice]}</span>
          </label>
        ))}
      </div>
      <p class="small quiet">{meaning(value)}</p>
    </fieldset>
  );
}
