import { maskSphere } from "../geometry/mask.js";
import type { RefineOptions } from "./options.js";

/**
 * A map times the solvent mask: a soft sphere of the particle's diameter, or the mask that was given. Inside a second mask the map becomes
 * its mean weighted by that mask.
 */
export function flattenSolvent(
  map: Float32Array | Float64Array,
  box: number,
  pixelSize: number,
  { particleDiameter, maskEdge, solventMask, solventMask2 }: RefineOptions,
): Float32Array | Float64Array {
  const flat = map.slice();
  if (solventMask === undefined) maskSphere(flat, box, particleDiameter / (2 * pixelSize), maskEdge);
  else for (let at = 0; at < flat.length; at++) flat[at] *= solventMask[at];
  if (solventMask2 === undefined) return flat;
  let [sum, weight] = [0, 0];
  for (let at = 0; at < flat.length; at++) {
    sum += flat[at] * solventMask2[at];
    weight += solventMask2[at];
  }
  const mean = weight > 0 ? sum / weight : 0;
  return flat.map((value, at) => value * (1 - solventMask2[at]) + mean * solventMask2[at]);
}
