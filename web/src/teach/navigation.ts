import { formatHash, go } from "../shell/route.js";
import { moved, type Place, type TeachState, writeState } from "./model/state.js";

/** Go to a state, as a place of its own in the history or instead of the present one. */
export function show(state: TeachState, options?: { replace: boolean }): void {
  const { parts, query } = writeState(state);
  go("teach", parts, query, options);
}

/** The address of a step in a state. */
export const hrefOf = (state: TeachState, place: Place): string => {
  const { parts, query } = writeState(moved(state, place));
  return formatHash("teach", parts, query);
};
