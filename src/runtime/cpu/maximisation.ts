import type { CentredGeometry, DeviceBuffer } from "../contract.js";
import type { MaximisationOperation, Operations } from "../operations.js";
import { centredLength, centredPlanes, edgeSlack, sphereLimit } from "../tables.js";
import type { CpuDevice } from "./device.js";

const sphere = ({ radius, ...rest }: CentredGeometry) => ({
  radius,
  padding: rest.padding,
  limit: sphereLimit({ radius, ...rest }),
});

/** Planes of a centred half array, and nanoseconds of one at `each` an element. */
const planesOf = (geometry: { radius: number }, each: number): [number, number] => [
  centredPlanes(geometry),
  (each * centredLength(geometry)) / centredPlanes(geometry),
];

function reduceShells(
  cpu: CpuDevice,
  partials: DeviceBuffer,
  sums: DeviceBuffer,
  planes: number,
  shells: number,
): void {
  cpu.run("shell_reduce", shells, 4 * planes, { partials, sums, shells, planes });
}

export const maximisationOperations: Operations<CpuDevice, MaximisationOperation> = {
  backproject(cpu, a) {
    const { geometry, pixels } = a;
    // Integer sums: how the planes are dealt out does not matter.
    const slabs = cpu.threads === 1 ? 1 : Math.min(2 * cpu.threads, centredPlanes(geometry));
    cpu.run("backproject", slabs, (50 * a.count * pixels.count) / slabs, {
      numerator: a.numerator_vk,
      weight: a.weight_vk,
      matrices: a.matrices,
      orientation: a.orientation_v,
      xy: pixels.xy_k,
      accumulator: a.accumulator,
      status: a.status,
      views: a.count,
      pixels: pixels.count,
      radius: geometry.radius,
      rows_a_class: a.rows,
      class_length: centredLength(geometry),
      slabs,
      padding: geometry.padding,
      limit: edgeSlack * sphereLimit(geometry),
      per_unit: 1 / a.unit,
    });
  },

  finishAccumulator(cpu, { accumulator, geometry, slot, unit, data, weight }) {
    const first_element = slot * centredLength(geometry);
    const own = { accumulator, data, weight, radius: geometry.radius, first_element, unit };
    cpu.run("finish_accumulator", ...planesOf(geometry, 3), own);
  },

  symmetrise(cpu, { data, weight, geometry, operators, count, outData, outWeight }) {
    const { radius, limit } = sphere(geometry);
    cpu.run("symmetrise", ...planesOf(geometry, 50 * (1 + count)), {
      data,
      weight,
      operators,
      out_data: outData,
      out_weight: outWeight,
      radius,
      limit,
      count,
    });
  },

  shellStatistics(cpu, { weight, geometry, shells, rounding, threshold_s, sums_s4, scratch }) {
    cpu.run("shell_statistics", ...planesOf(geometry, 5), {
      weight,
      threshold: threshold_s,
      partials: scratch,
      ...sphere(geometry),
      shells,
      cut: Number(rounding === "floor"),
    });
    reduceShells(cpu, scratch, sums_s4, centredPlanes(geometry), shells);
  },

  shellProducts(cpu, { a, b, layout, shells, sums_s4, scratch }) {
    const fft = layout.kind === "fft";
    const n = fft ? layout.shape[layout.shape.length - 1] : 0;
    const planes = fft ? (layout.shape.length === 3 ? n : 1) : centredPlanes(layout);
    cpu.run("shell_products", planes, 4 * Math.max(n, planes) ** 2, {
      a,
      b,
      partials: scratch,
      n,
      planes,
      radius: fft ? 0 : layout.radius,
      limit: fft ? 0 : layout.limit,
      first_element: fft ? 0 : layout.slot * centredLength(layout),
      shells,
      padding: fft ? 1 : layout.padding,
    });
    reduceShells(cpu, scratch, sums_s4, planes, shells);
  },

  joinHalves(cpu, { data1, weight1, data2, weight2, geometry, limit }) {
    const own = { data1, weight1, data2, weight2, radius: geometry.radius, limit };
    cpu.run("join_halves", ...planesOf(geometry, 3), own);
  },

  downsample(cpu, { data, weight, geometry, out, outRadius }) {
    cpu.run("downsample", ...planesOf({ radius: outRadius }, 100), {
      data,
      weight,
      result: out,
      radius: geometry.radius,
      out_radius: outRadius,
      padding: geometry.padding,
    });
  },

  addPrior(cpu, { weight, geometry, prior_s, shells, minShell, norm }) {
    const own = { weight, prior: prior_s, ...sphere(geometry), shells, min_shell: minShell, norm };
    cpu.run("add_prior", ...planesOf(geometry, 5), own);
  },

  griddingProduct(cpu, { estimate, weight, geometry, grid }) {
    const own = { estimate, weight, grid, radius: geometry.radius };
    cpu.run("gridding_product", ...planesOf(geometry, 2), own);
  },

  griddingKernel(cpu, { values, side, table, scale }) {
    const own = { values, table, side, entries: table.length, scale };
    cpu.run("gridding_kernel", side, 5 * side ** 2, own);
  },

  griddingUpdate(cpu, { estimate, grid, geometry }) {
    const { radius, limit } = sphere(geometry);
    cpu.run("gridding_update", ...planesOf(geometry, 4), { estimate, grid, radius, limit });
  },

  inverseWeight(cpu, { weight, geometry, floor_s, shells, estimate }) {
    const own = { weight, floors: floor_s, estimate, ...sphere(geometry), shells };
    cpu.run("inverse_weight", ...planesOf(geometry, 5), own);
  },
};
