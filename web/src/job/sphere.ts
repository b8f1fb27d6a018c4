import { writeMap } from "../../../src/app/refine/write-iteration.js";
import type { Disk } from "../../../src/formats/source.js";
import { sphereFile } from "./given-files.js";

/** Voxels from inside to outside. */
const edge = 5;

/** A ball with a soft edge: the start where there is no map. */
export async function writeSphere(
  disk: Disk,
  {
    box,
    pixelSize,
    diameter,
  }: { readonly box: number; readonly pixelSize: number; readonly diameter: number },
): Promise<void> {
  // Particles are smaller than their masks.
  const radius = (0.7 * diameter) / (2 * pixelSize);
  const map = Float32Array.from({ length: box ** 3 }, (_, at) => {
    const place = [at % box, Math.floor(at / box) % box, Math.floor(at / box ** 2)];
    const outside = Math.hypot(...place.map((x) => x - box / 2)) - radius + edge / 2;
    return outside <= 0 ? 1 : outside >= edge ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * outside) / edge);
  });
  await writeMap(disk, sphereFile, map, box, pixelSize);
}
