import type { ExpectationBatch, ExpectationCapacity, ExpectationModel } from "../../src/em/expectation.js";
import { expectBatch } from "../../src/em/expectation.js";
import { prepareImages } from "../../src/em/images.js";
import { allocProjector, fillProjector, lowPassMap } from "../../src/em/reference.js";
import { eulerToMatrix, transpose } from "../../src/geometry/euler.js";
import { orientationGrid, oversampledOrientations } from "../../src/geometry/sampling.js";
import { oversampledTranslations, translationGrid } from "../../src/geometry/translations.js";
import type { BufferKind, ParticleBatch, PixelSet, Runtime } from "../../src/runtime/contract.js";
import { centredLength, ctfLength, ctfRow, makePhases, makePixels } from "../../src/runtime/tables.js";
import { tinyParticles, tinyPixels } from "./golden.js";

export const box = 32;
export const pixelSize = 4;
const mask = { radius: 45 / pixelSize, width: 5 };

/** The search of golden example 04: HEALPix order 1, 29 translations, coarse size 14, full size 32. */
export const search = (() => {
  const grid = orientationGrid({ order: 1 });
  const translations = translationGrid(3 * pixelSize, pixelSize);
  const orientations = grid.rot.length * grid.psi.length;
  const coarse = Array.from({ length: orientations }, (_, o) => {
    const [direction, psi] = [Math.floor(o / grid.psi.length), o % grid.psi.length];
    return {
      parent: { rot: grid.rot[direction], tilt: grid.tilt[direction], psi: grid.psi[psi] },
      children: oversampledOrientations(grid, direction, psi, 1),
    };
  });
  const shifts = Array.from(translations.x, (_, t) => oversampledTranslations(translations, t, 1));
  return { coarse, orientations, translations, shifts, children: 32 };
})();

const inverse = ({ rot, tilt, psi }: { rot: number; tilt: number; psi: number }) =>
  transpose(eulerToMatrix(rot, tilt, psi));

/** One batch of the tiny set through the expectation step, every buffer in the arena; sigma2 by group and shell. */
export async function searchTinySet(
  runtime: Runtime,
  sigma2: readonly Float64Array[],
  range: readonly [number, number],
  capacity: ExpectationCapacity,
) {
  const [first, end] = range;
  const count = end - first;
  const images = (await tinyPixels("noisy.mrcs.gz")).subarray(first * box * box, end * box * box);
  const table = tinyParticles("parts.star");
  const voxels = await tinyPixels("ref.mrc");
  const put = (kind: BufferKind, name: string, values: ArrayLike<number>) => {
    const buffer = runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
    runtime.upload(buffer, values);
    return buffer;
  };
  runtime.push("iteration");
  try {
    const projector = allocProjector(runtime, box, 2, box);
    runtime.push("job");
    const map = put("real", "map", voxels);
    await lowPassMap(runtime, map, box, pixelSize, 20);
    await fillProjector(runtime, map, box, projector);
    runtime.pop("job");
    const coarsePixels = makePixels(runtime, 14, "shells");
    const finePixels = makePixels(runtime, box, "shells");
    const { orientations, translations } = search;
    const slices_ok = runtime.alloc("complex", "slices", orientations * coarsePixels.count);
    const parents = put(
      "real",
      "parents",
      search.coarse.flatMap(({ parent }) => [...inverse(parent)]),
    );
    await runtime.projectSlices({
      projector,
      first: 0,
      matrices: parents,
      rows: orientations,
      count: orientations,
      pixels: coarsePixels,
      slices_ok,
    });
    const childPixels = search.shifts.flat().flatMap(([x, y]) => [x / pixelSize, y / pixelSize]);
    const coarsePixelShifts = Array.from(
      { length: 2 * translations.x.length },
      (_, at) => (at % 2 === 0 ? translations.x : translations.y)[at >> 1] / pixelSize,
    );
    const finePhases = makePhases(runtime, childPixels, box, box);
    const model: ExpectationModel = {
      projector,
      slices_ok,
      orientations,
      coarsePhases: makePhases(runtime, coarsePixelShifts, 14, box),
      finePhases,
      sumPhases: finePhases,
      childTranslations_t2: put("real", "child translations", childPixels),
      matrices: put(
        "real",
        "matrices",
        search.coarse.flatMap(({ children }) => children.flatMap((child) => [...inverse(child)])),
      ),
      rows: 8 * orientations,
      rotations: 8,
      shifts: 4,
      accumulator: runtime.alloc("accumulator", "accumulator", centredLength(projector)),
      // The largest contribution is about 1e4, and 60 particles of weight 1 add to one element.
      unit: 2 ** -40,
      status: put("index", "status", [0]),
    };
    await runtime.clear(model.accumulator);

    runtime.push("job");
    const group_i = put(
      "index",
      "groups",
      Uint32Array.from({ length: count }, (_, i) => (first + i < 30 ? 0 : 1)),
    );
    const shells = box / 2 + 1;
    const table_gs = put(
      "real",
      "noise table",
      sigma2.flatMap((spectrum) => Array.from(spectrum, (value) => 1 / value)),
    );
    const particlesOf = async (pixels: PixelSet): Promise<ParticleBatch> => {
      const column = (label: string) => table.numbers(`rln${label}`);
      const [u, v, angle] = ["DefocusU", "DefocusV", "DefocusAngle"].map(column);
      const optics = { voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 };
      const rows = Array.from({ length: count }, (_, i) =>
        ctfRow(
          { ...optics, defocusU: u[first + i], defocusV: v[first + i], defocusAngle: angle[first + i] },
          { box, pixelSize },
        ),
      ).flat();
      if (rows.length !== count * ctfLength) throw new Error("ctf rows");
      const parameters = put("real", "ctf parameters", rows);
      const ctf_ik = runtime.alloc("real", "ctf", count * pixels.count);
      await runtime.ctf({ parameters, count, pixels, ctf_ik });
      const weights_ik = runtime.alloc("real", "weights", count * pixels.count);
      await runtime.spreadShells({
        table_gs,
        shells,
        group_i,
        count,
        pixels,
        zeroOrigin: true,
        out_ik: weights_ik,
      });
      return {
        count,
        pixels,
        ctf_ik,
        weights_ik,
        images_ik: runtime.alloc("complex", "images", count * pixels.count),
      };
    };
    const coarse = await particlesOf(coarsePixels);
    const fine = await particlesOf(finePixels);
    const unmasked_ik = runtime.alloc("complex", "unmasked", count * finePixels.count);
    const sumWeights_ik = runtime.alloc("real", "sum weights", count * finePixels.count);
    await runtime.spreadShells({
      table_gs,
      shells,
      group_i,
      count,
      pixels: finePixels,
      zeroOrigin: false,
      out_ik: sumWeights_ik,
    });
    await prepareImages(runtime, {
      images: put("real", "raw images", images),
      count,
      box,
      moves_i3: put(
        "index",
        "image moves",
        Uint32Array.from({ length: 3 * count }, (_, at) => (at % 3 === 0 ? at / 3 : 0)),
      ),
      factor_i: put("real", "factors", new Float64Array(count).fill(1)),
      mask,
      masked: [coarse, fine].map(({ pixels, images_ik }) => ({ pixels, out: images_ik })),
      unmasked: { pixels: finePixels, out: unmasked_ik },
    });
    // RELION 3.1 counts the squared distance as A x pixel size: sigma 10 A.
    const prior = Array.from(
      translations.x,
      (x, t) => (-(x * x + translations.y[t] ** 2) * pixelSize ** 2) / (2 * 10 ** 2),
    );
    const batch: ExpectationBatch = {
      coarse,
      fine,
      sums: fine,
      viewCtf_ik: fine.ctf_ik,
      unmasked_ik,
      sumWeights_ik,
      priors: {
        orientation_o: put("real", "orientation priors", new Float64Array(orientations)),
        perParticle: false,
        translation_it: put("real", "translation priors", Array.from({ length: count }, () => prior).flat()),
      },
    };
    const result = await expectBatch(
      runtime,
      model,
      batch,
      { fraction: 0.999, maxSignificant: 2 ** 31, strategy: "gemm", correlation: false, singlePass: false },
      capacity,
    );
    const status = await runtime.download(model.status);
    runtime.pop("job");

    runtime.push("job");
    const data = runtime.alloc("complex", "data", centredLength(projector));
    const weight = runtime.alloc("real", "weight", centredLength(projector));
    await runtime.finishAccumulator({
      accumulator: model.accumulator,
      geometry: projector,
      slot: 0,
      unit: model.unit,
      data,
      weight,
    });
    const sums = { data: await runtime.download(data), weight: await runtime.download(weight) };
    runtime.pop("job");
    return { ...result, status, ...sums };
  } finally {
    runtime.pop("iteration");
  }
}
