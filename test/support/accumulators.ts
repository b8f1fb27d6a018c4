import type { Accumulated } from "../../src/em/ssnr.js";
import type { CentredGeometry, Runtime } from "../../src/runtime/contract.js";
import { centredLength } from "../../src/runtime/tables.js";
import { goldenVolume } from "./golden.js";

/** Accumulators as RELION writes them: centred half arrays [z][y][x]. */
export interface RelionArrays {
  readonly re: Float32Array;
  readonly im: Float32Array;
  readonly weight: Float32Array;
}

export async function goldenArrays(prefix: string): Promise<RelionArrays> {
  const [re, im, weight] = await Promise.all(
    ["data_real", "data_imag", "weight"].map((part) => goldenVolume(`${prefix}_${part}.mrc.gz`)),
  );
  return { re, im, weight };
}

export function uploadArrays(
  runtime: Runtime,
  { re, im, weight }: RelionArrays,
  geometry: CentredGeometry,
): Accumulated {
  const length = centredLength(geometry);
  if (re.length !== length) throw new Error(`${re.length} elements, ${length} expected`);
  const data = runtime.alloc("complex", "data", length);
  const weights = runtime.alloc("real", "weight", length);
  runtime.upload(
    data,
    Float64Array.from({ length: 2 * length }, (_, at) => (at % 2 === 0 ? re : im)[at >> 1]),
  );
  runtime.upload(weights, weight);
  return { data, weight: weights };
}

/** Each element of the plane x = 0 plus the conjugate of its Friedel mate, the origin left as it is. */
export function hermitianSum({ re, im, weight }: RelionArrays, radius: number): RelionArrays {
  const out = { re: re.slice(), im: im.slice(), weight: weight.slice() };
  const side = 2 * radius + 1;
  for (let z = 0; z < side; z++)
    for (let y = 0; y < side; y++) {
      const at = (z * side + y) * (radius + 1);
      const mate = ((side - 1 - z) * side + side - 1 - y) * (radius + 1);
      if (at === mate) continue;
      out.re[at] = re[at] + re[mate];
      out.im[at] = im[at] - im[mate];
      out.weight[at] = weight[at] + weight[mate];
    }
  return out;
}
