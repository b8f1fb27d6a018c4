import { openMrc } from "../../src/formats/mrc/index.js";
import { openFile } from "../../src/formats/node.js";
import { realFft } from "../../src/geometry/fft.js";
import { fourierShellCorrelation } from "../../src/geometry/fourier.js";

export async function readMap(path: string): Promise<Float32Array> {
  const file = await openMrc(await openFile(path), { kind: "volume" });
  const voxels = await file.readVolume();
  await file.close();
  return voxels;
}

/** FSC of two cubic maps, by shell. */
export function mapCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const side = Math.round(Math.cbrt(a.length));
  const [one, two] = [a, b].map((map) => realFft(Float64Array.from(map), [side, side, side]));
  return fourierShellCorrelation(one, two);
}
