import { maskSphere } from "../geometry/mask.js";
import type { RefineOptions } from "./options.js";

/**
 * Multiply a map by the solvent mask, in place: a soft sphere of the particle's diameter, or the mask that was given. Inside a second mask the
 * map becomes its mean weighted by that mask.
 */
export function flattenSolvent(
  map: Float32Array | Float64Array,
  box: number,
  pixelSize: number,
  { particleDiameter, maskEdge, solventMask, solventMask2 }: RefineOptions,
): void {
  if (solventMask === undefined) maskSphere(map, box, particleDiameter / (2 * pixelSize), maskEdge);
  else for (let at = 0; at < map.length; at++) map[at] *= solventMask[at];
  if (solventMask2 === undefined) return;
  let [sum, weight] = [0, 0];
  for (let at = 0; at < map.length; at++) {
    sum += map[at] * solventMask2[at];
    weight += solventMask2[at];
  }
  const mean = weight > 0 ? sum / weight : 0;
  for (let at = 0; at < map.length; at++)
    map[at] = map[at] * (1 - solventMask2[at]) + mean * solventMask2[at];
}
