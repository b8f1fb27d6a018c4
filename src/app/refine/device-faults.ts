import { UserError } from "../../errors.js";
import { ArenaFullError } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { DeviceLostError, DeviceMemoryError } from "../../runtime/errors.js";

/** What went wrong on the device, with what to do about it. `saved`: the last file to continue from. */
export function withRemedy(
  error: unknown,
  runtime: Pick<Runtime, "capabilities">,
  saved: string | undefined,
): unknown {
  const megabytes = Math.floor(runtime.capabilities.arenaBytes / 1e6);
  if (error instanceof ArenaFullError)
    return new UserError(
      `${error.message}. --memory allows ${megabytes} MB: give it more, or use --pad 1, a smaller --K or a lower --healpix_order`,
      { cause: error },
    );
  if (error instanceof DeviceMemoryError)
    return new UserError(
      `${error.message}; other programs may hold the memory: try a --memory below ${megabytes} MB`,
      { cause: error },
    );
  if (error instanceof DeviceLostError && saved !== undefined)
    return new UserError(`${error.message}: --continue ${saved}`, { cause: error });
  return error;
}
