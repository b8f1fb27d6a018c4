import type { CandidateList, DeviceBuffer, Runtime } from "../runtime/contract.js";
import { put } from "../runtime/tables.js";
import type { Candidates } from "./candidates.js";
import type { OrientationTables } from "./search.js";

/** Tables of orientations on the device. */
export interface DeviceTables {
  readonly directions: DeviceBuffer;
  readonly directionChildren: number;
  readonly psis: DeviceBuffer;
  readonly psiChildren: number;
}

export function putTables(runtime: Runtime, name: string, tables: OrientationTables): DeviceTables {
  const directions = put(runtime, "real", `${name} directions`, tables.directions);
  const psis = put(runtime, "real", `${name} in-plane angles`, tables.psis);
  return { ...tables, directions, psis };
}

/** Candidates on the device, with room for so many directions and in-plane angles in all. */
export function putCandidates(
  runtime: Runtime,
  particles: number,
  candidates: Candidates,
  room: { readonly directions: number; readonly psis: number },
): CandidateList {
  const fill = (kind: "real" | "index", name: string, length: number, values: ArrayLike<number>) => {
    const buffer = runtime.alloc(kind, name, length);
    runtime.upload(buffer, values);
    return buffer;
  };
  const { count, start, directionStart, direction, directionPrior, psiStart, psi, psiPrior } = candidates;
  return {
    particles,
    candidates: count,
    start_i: fill("index", "candidate starts", particles + 1, start),
    directionStart_i: fill("index", "direction starts", particles + 1, directionStart),
    direction_d: fill("index", "listed directions", room.directions, direction),
    directionPrior_d: fill("real", "direction priors", room.directions, directionPrior),
    psiStart_i: fill("index", "angle starts", particles + 1, psiStart),
    psi_a: fill("index", "listed angles", room.psis, psi),
    psiPrior_a: fill("real", "angle priors", room.psis, psiPrior),
  };
}

/** Every direction with every in-plane angle, as if they were the candidates of one particle. */
export function allCandidates(directions: number, psis: number): Candidates {
  const numbers = (count: number) => Uint32Array.from({ length: count }, (_, at) => at);
  return {
    count: directions * psis,
    start: [0, directions * psis],
    directionStart: [0, directions],
    direction: numbers(directions),
    directionPrior: new Float64Array(directions),
    psiStart: [0, psis],
    psi: numbers(psis),
    psiPrior: new Float64Array(psis),
  };
}
