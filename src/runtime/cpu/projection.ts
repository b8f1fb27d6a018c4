import type { CentredArray } from "../contract.js";
import type { Operations, ProjectionOperation } from "../operations.js";
import { centredLength, centredPlanes, sphereLimit } from "../tables.js";
import type { CpuDevice } from "./device.js";

/** Parameters of kernels that interpolate slices. */
export const sliceParams = (projector: CentredArray, size: number, rows: number) => ({
  radius: projector.radius,
  rows_a_class: rows,
  class_length: centredLength(projector),
  padding: projector.padding,
  max_r2: Math.min(projector.maxShell, size / 2) ** 2,
});

export const projectionOperations: Operations<CpuDevice, ProjectionOperation> = {
  listOrientations(cpu, { list, directions, directionChildren, psis, psiChildren, matrices }) {
    const { particles, candidates } = list;
    const each = (candidates * directionChildren * psiChildren) / particles;
    cpu.run("list_orientations", particles, 10 * each, {
      starts: list.start_i,
      direction_starts: list.directionStart_i,
      direction_list: list.direction_d,
      psi_starts: list.psiStart_i,
      psi_list: list.psi_a,
      directions,
      psis,
      matrices,
      direction_children: directionChildren,
      psi_children: psiChildren,
    });
  },

  padMap(cpu, { map, box, padded, paddedBox, correct }) {
    const own = { map, padded, box, padded_box: paddedBox, correct: Number(correct) };
    cpu.run("pad_map", paddedBox, 2 * paddedBox ** 2, own);
  },

  makeProjector(cpu, { spectrum, paddedBox, scale, projector, slot, least = 0 }) {
    const planes = centredPlanes(projector);
    cpu.run("make_projector", planes, 2 * planes ** 2, {
      spectrum,
      projector: projector.data,
      at: slot * centredLength(projector),
      radius: projector.radius,
      padded_box: paddedBox,
      least,
      limit: sphereLimit(projector),
      scale,
    });
  },

  projectSlices(cpu, { projector, first, matrices, rows, count, pixels, slices_ok }) {
    cpu.run("project_slices", count, 10 * pixels.count, {
      projector: projector.data,
      matrices,
      xy: pixels.xy_k,
      slices: slices_ok,
      pixels: pixels.count,
      first_row: first,
      ...sliceParams(projector, pixels.size, rows),
    });
  },

  cropMap(cpu, { padded, paddedBox, map, box, scale }) {
    cpu.run("crop_map", box, box ** 2, { padded, map, box, padded_box: paddedBox, scale });
  },

  correctGridding(cpu, { map, box, paddedBox }) {
    cpu.run("correct_gridding", box, 20 * box ** 2, { map, box, padded_box: paddedBox });
  },

  insertData(cpu, { data, estimate, geometry, spectrum, paddedBox }) {
    const own = { data, estimate, spectrum, radius: geometry.radius, padded_box: paddedBox };
    cpu.run("insert_data", paddedBox, paddedBox ** 2, own);
  },
};
