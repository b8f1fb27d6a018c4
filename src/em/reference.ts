import type { CentredArray, DeviceBuffer, Runtime } from "../runtime/contract.js";
import {
  centredGeometry,
  centredLength,
  centredPlanes,
  freeAll,
  paddedBoxOf,
  shellScratch,
  sphereLimit,
} from "../runtime/tables.js";

/** Low-pass filter of a map in place: raised cosine, `edge` shells wide, around `resolution` (Angstrom), as `relion_refine --ini_high`. */
export async function lowPassMap(
  runtime: Runtime,
  map: DeviceBuffer,
  box: number,
  pixelSize: number,
  resolution: number,
  edge = 2,
): Promise<void> {
  const shape = [box, box, box];
  const spectrum = runtime.alloc("complex", "map transform", box * box * (Math.floor(box / 2) + 1));
  const fft = runtime.makeFft(shape, 1);
  await runtime.forwardFft(fft, map, spectrum);
  const shell = (box * pixelSize) / resolution;
  await runtime.lowPass({ spectrum, shape, low: Math.max(0, shell - edge / 2), high: shell + edge / 2 });
  await runtime.inverseFft(fft, spectrum, map);
}

/** A projector in the scope that is open, and the buffers that `fillProjector` needs beside it. */
export function allocProjector(
  runtime: Runtime,
  box: number,
  padding: number,
  currentSize: number,
  classes = 1,
): CentredArray {
  const geometry = centredGeometry(box, paddedBoxOf(box, padding), currentSize);
  return {
    ...geometry,
    classes,
    data: runtime.alloc("complex", "projector", classes * centredLength(geometry)),
  };
}

/**
 * Transform a map into number `slot` of a projector; work buffers come from the scope that is open. Returns the power |F|^2 / 2 by shell of the map (tau2
 * where there is no FSC), shells 0 .. box / 2. Shells up to `lowest` are then left out of the projector.
 */
export async function fillProjector(
  runtime: Runtime,
  map: DeviceBuffer,
  box: number,
  projector: CentredArray,
  slot = 0,
  lowest = 0,
): Promise<Float64Array> {
  await transformMap(runtime, map, box, projector, slot, 0);
  const shells = Math.floor(box / 2) + 1;
  const sums_s4 = runtime.alloc("real", "shell sums", 4 * shells);
  const scratch = runtime.alloc("real", "shell scratch", shellScratch(centredPlanes(projector), shells));
  const copy = runtime.alloc("complex", "projector copy", projector.data.length);
  await runtime.copy(projector.data, copy);
  const { radius, padding } = projector;
  const layout = { kind: "centred", slot, radius, padding, limit: sphereLimit(projector) } as const;
  await runtime.shellProducts({ a: projector.data, b: copy, layout, shells, sums_s4, scratch });
  if (lowest > 0) {
    const least = Math.floor(projector.padding * lowest + 0.5) ** 2 + 1;
    await transformMap(runtime, map, box, projector, slot, least);
  }
  const sums = await runtime.download(sums_s4);
  return Float64Array.from({ length: shells }, (_, s) =>
    sums[4 * s + 3] > 0 ? sums[4 * s + 1] / (2 * sums[4 * s + 3]) : 0,
  );
}

/** The transform of a map into a slot, from a squared radius on; through the padded cube where the runtime needs it. */
async function transformMap(
  runtime: Runtime,
  map: DeviceBuffer,
  box: number,
  projector: CentredArray,
  slot: number,
  least: number,
): Promise<void> {
  const { padding, radius } = projector;
  const paddedBox = Math.round(padding * box);
  const given = { paddedBox, scale: padding ** 3 * box, projector, slot, least };
  const declared = runtime.layout.paddedBuffers?.(box, paddedBox, radius);
  if (declared !== undefined && runtime.mapToProjector !== undefined) {
    const work = declared.map(({ kind, name, length }) => runtime.alloc(kind, name, length));
    await runtime.mapToProjector({ ...given, map, box, correct: true, work });
    freeAll(runtime, work);
    return;
  }
  const padded = runtime.alloc("real", "padded map", paddedBox ** 3);
  const spectrum = runtime.alloc("complex", "padded transform", paddedBox ** 2 * (paddedBox / 2 + 1));
  const fft = runtime.makeFft([paddedBox, paddedBox, paddedBox], 1);
  await runtime.padMap({ map, box, padded, paddedBox, correct: true });
  await runtime.forwardFft(fft, padded, spectrum);
  await runtime.makeProjector({ ...given, spectrum });
  freeAll(runtime, [padded, spectrum, ...fft.buffers]);
}
