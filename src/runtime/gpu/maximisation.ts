import type { CentredGeometry, DeviceBuffer } from "../contract.js";
import type { MaximisationOperation, Operations } from "../operations.js";
import { centredLength, centredPlanes, edgeSlack, sphereLimit } from "../tables.js";
import type { KernelDevice } from "./device.js";
import { threads } from "./launch.js";

const sphere = (geometry: CentredGeometry) => ({
  radius: geometry.radius,
  padding: geometry.padding,
  limit: sphereLimit(geometry),
});

function reduceShells(
  gpu: KernelDevice,
  partials: DeviceBuffer,
  sums: DeviceBuffer,
  planes: number,
  shells: number,
): Promise<void> {
  return gpu.run("shell_reduce", {
    over: { items: shells },
    cost: planes,
    params: { shells, planes },
    buffers: { partials, sums },
  });
}

export const maximisationOperations: Operations<KernelDevice, MaximisationOperation> = {
  backproject: (
    gpu,
    {
      numerator_vk,
      weight_vk,
      matrices,
      rows,
      orientation_v,
      count,
      pixels,
      accumulator,
      geometry,
      unit,
      status,
    },
  ) =>
    threads(
      gpu,
      "backproject",
      count * pixels.count,
      {
        pixels: pixels.count,
        ...sphere(geometry),
        limit: edgeSlack * sphereLimit(geometry),
        rows_a_class: rows,
        class_length: centredLength(geometry),
        per_unit: 1 / unit,
      },
      {
        numerator: numerator_vk,
        weight: weight_vk,
        matrices,
        orientation: orientation_v,
        xy: pixels.xy_k,
        accumulator,
        status,
      },
      8,
    ),

  finishAccumulator: (gpu, { accumulator, geometry, slot, unit, data, weight }) =>
    threads(
      gpu,
      "finish_accumulator",
      centredLength(geometry),
      { radius: geometry.radius, first: slot * centredLength(geometry), unit },
      { accumulator, data, weight },
    ),

  symmetrise: (gpu, { data, weight, geometry, operators, count, outData, outWeight }) =>
    threads(
      gpu,
      "symmetrise",
      centredLength(geometry),
      { radius: geometry.radius, limit: sphereLimit(geometry), operator_count: count },
      { data, weight, operators, out_data: outData, out_weight: outWeight },
      1 + count,
    ),

  async shellStatistics(gpu, { weight, geometry, shells, rounding, threshold_s, sums_s4, scratch }) {
    const planes = centredPlanes(geometry);
    await gpu.run("shell_statistics", {
      over: { groups: planes },
      cost: planes * Math.ceil(shells / 64) * 4,
      params: { ...sphere(geometry), shells, cut: Number(rounding === "floor") },
      buffers: { weight, threshold: threshold_s, partials: scratch },
    });
    await reduceShells(gpu, scratch, sums_s4, planes, shells);
  },

  async shellProducts(gpu, { a, b, layout, shells, sums_s4, scratch }) {
    const fft = layout.kind === "fft";
    const n = fft ? layout.shape[layout.shape.length - 1] : 0;
    const planes = fft ? (layout.shape.length === 3 ? n : 1) : centredPlanes(layout);
    await gpu.run("shell_products", {
      over: { groups: planes },
      cost: Math.max(n, planes) * Math.ceil(shells / 64) * 4,
      params: {
        n,
        planes,
        radius: fft ? 0 : layout.radius,
        limit: fft ? 0 : layout.limit,
        padding: fft ? 1 : layout.padding,
        first: fft ? 0 : layout.slot * centredLength(layout),
        shells,
      },
      buffers: { a, b, partials: scratch },
    });
    await reduceShells(gpu, scratch, sums_s4, planes, shells);
  },

  joinHalves: (gpu, { data1, weight1, data2, weight2, geometry, limit }) =>
    threads(
      gpu,
      "join_halves",
      centredLength(geometry),
      { radius: geometry.radius, limit },
      { data1, weight1, data2, weight2 },
    ),

  downsample: (gpu, { data, weight, geometry, out, outRadius }) =>
    threads(
      gpu,
      "downsample",
      centredLength({ radius: outRadius }),
      { radius: geometry.radius, out_radius: outRadius, padding: geometry.padding },
      { data, weight, result: out },
      8,
    ),

  addPrior: (gpu, { weight, geometry, prior_s, shells, minShell, norm }) =>
    threads(
      gpu,
      "add_prior",
      centredLength(geometry),
      { ...sphere(geometry), shells, min_shell: minShell, norm },
      { weight, prior: prior_s },
    ),

  griddingProduct: (gpu, { estimate, weight, geometry, grid }) =>
    threads(
      gpu,
      "gridding_product",
      centredLength(geometry),
      { radius: geometry.radius },
      { estimate, weight, grid },
    ),

  griddingKernel: (gpu, { values, side, table, scale }) =>
    threads(gpu, "gridding_kernel", side ** 3, { side, entries: table.length, scale }, { values, table }),

  griddingUpdate: (gpu, { estimate, grid, geometry }) =>
    threads(
      gpu,
      "gridding_update",
      centredLength(geometry),
      { radius: geometry.radius, limit: sphereLimit(geometry) },
      { estimate, grid },
    ),

  inverseWeight: (gpu, { weight, geometry, floor_s, shells, estimate }) =>
    threads(
      gpu,
      "inverse_weight",
      centredLength(geometry),
      { ...sphere(geometry), shells },
      { weight, floors: floor_s, estimate },
    ),
};
