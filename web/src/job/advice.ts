import { IterationTooLargeError } from "../../../src/em/memory.js";
import { ArenaFullError } from "../../../src/runtime/arena.js";
import { DeviceLostError, DeviceMemoryError } from "../../../src/runtime/errors.js";

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An error and those that it was made from. */
function* causes(error: unknown): Generator<Error> {
  for (let at = error; at instanceof Error; at = at.cause) yield at;
}

/** The device's own failure behind an error that tells what to do about it. */
export function deviceFault(error: unknown): DeviceLostError | DeviceMemoryError | undefined {
  for (const at of causes(error))
    if (at instanceof DeviceLostError || at instanceof DeviceMemoryError) return at;
  return undefined;
}

/** What went wrong in a refinement of the page and what to do about it there, where errors name options of the command line. */
export function adviceOf(error: unknown): string {
  const megabytes = (bytes: number) => Math.ceil(bytes / 1e6).toLocaleString("en");
  for (const at of causes(error)) {
    if (at instanceof IterationTooLargeError)
      return at.buffer === undefined
        ? `An iteration needs ${megabytes(at.needed)} MB for one particle at a time and was given ${megabytes(at.given)} MB. Give it ${megabytes(at.needed)} MB or more in Memory and go on; a smaller box or fewer classes need less.`
        : `${at.buffer} needs ${megabytes(at.needed)} MB in one piece and this device takes at most ${megabytes(at.given)} MB. Go on on the processor, or begin again with a smaller box or fewer classes.`;
    if (at.name === "QuotaExceededError")
      return "The browser gives this page no more room. Remove earlier refinements, or files of other pages, and go on; a refinement that keeps no copy of its files needs less.";
    if (at instanceof ArenaFullError) return `${at.message}. Give it more in Memory and go on.`;
    if (at instanceof DeviceMemoryError)
      return `${at.message.split(";")[0]}. Other programs may hold the memory: close them, or give less in Memory, and go on.`;
    if (at instanceof DeviceLostError)
      return `${at.message}. Going on begins after the last finished iteration; the processor may be the better choice.`;
  }
  return messageOf(error);
}
