import type { CentredArray, DeviceBuffer, PixelSet } from "../contract.js";
import type { Operations, ProjectionOperation } from "../operations.js";
import { centredLength, sphereLimit } from "../tables.js";
import type { KernelDevice } from "./device.js";
import { type Launcher, threads } from "./launch.js";

/** Parameters of kernels that interpolate slices. */
export const sliceParams = (projector: CentredArray, size: number, rows: number) => ({
  radius: projector.radius,
  rows_a_class: rows,
  class_length: centredLength(projector),
  padding: projector.padding,
  max_r2: Math.min(projector.maxShell, size / 2) ** 2,
});

export function projectSlices(
  gpu: Launcher,
  projector: CentredArray,
  first: number,
  matrices: DeviceBuffer,
  rows: number,
  listed: DeviceBuffer | undefined,
  count: number,
  pixels: PixelSet,
  slices: DeviceBuffer,
): Promise<void> {
  return threads(
    gpu,
    "project_slices",
    count * pixels.count,
    {
      pixels: pixels.count,
      listed: Number(listed !== undefined),
      first_row: first,
      ...sliceParams(projector, pixels.size, rows),
    },
    { projector: projector.data, matrices, xy: pixels.xy_k, rows: listed, slices },
    4,
  );
}

export const projectionOperations: Operations<KernelDevice, ProjectionOperation> = {
  listOrientations: (gpu, { list, directions, directionChildren, psis, psiChildren, matrices }) =>
    threads(
      gpu,
      "list_orientations",
      list.candidates * directionChildren * psiChildren,
      { particles: list.particles, direction_children: directionChildren, psi_children: psiChildren },
      {
        starts: list.start_i,
        direction_starts: list.directionStart_i,
        direction_list: list.direction_d,
        psi_starts: list.psiStart_i,
        psi_list: list.psi_a,
        directions,
        psis,
        matrices,
      },
    ),

  padMap: (gpu, { map, box, padded, paddedBox, correct }) =>
    threads(
      gpu,
      "pad_map",
      paddedBox ** 3,
      { box, padded_box: paddedBox, correct: Number(correct) },
      { map, padded },
    ),

  makeProjector: (gpu, { spectrum, paddedBox, scale, projector, slot, least = 0 }) =>
    threads(
      gpu,
      "make_projector",
      centredLength(projector),
      {
        radius: projector.radius,
        padded_box: paddedBox,
        least,
        limit: sphereLimit(projector),
        at: slot * centredLength(projector),
        scale,
      },
      { spectrum, projector: projector.data },
    ),

  projectSlices: (gpu, { projector, first, matrices, rows, count, pixels, slices_ok }) =>
    projectSlices(gpu, projector, first, matrices, rows, undefined, count, pixels, slices_ok),

  cropMap: (gpu, { padded, paddedBox, map, box, scale }) =>
    threads(gpu, "crop_map", box ** 3, { box, padded_box: paddedBox, scale }, { padded, map }),

  correctGridding: (gpu, { map, box, paddedBox }) =>
    threads(gpu, "correct_gridding", box ** 3, { box, padded_box: paddedBox }, { map }),

  insertData: (gpu, { data, estimate, geometry, spectrum, paddedBox }) =>
    threads(
      gpu,
      "insert_data",
      paddedBox * paddedBox * (paddedBox / 2 + 1),
      { radius: geometry.radius, padded_box: paddedBox },
      { data, estimate, spectrum },
    ),
};
