import type { ChildSlices, CoarsePass, FinePass, ParticleBatch, Phases } from "../contract.js";
import type { ExpectationOperation, Operations } from "../operations.js";
import { centredLength, pixelX, pixelY } from "../tables.js";
import type { HostMemory } from "./memory.js";
import { sliceValue } from "./projection.js";

/** exp(-2 pi i (x dx + y dy) / box) of a translation at a pixel. */
function phaseAt(
  { count }: Phases,
  table: Float64Array,
  size: number,
  t: number,
  x: number,
  y: number,
): [number, number] {
  const columns = size / 2 + 1;
  const a = 2 * (t * columns + x);
  const b = 2 * (count * columns + t * size + y + size / 2 - 1);
  return [
    table[a] * table[b] - table[a + 1] * table[b + 1],
    table[a] * table[b + 1] + table[a + 1] * table[b],
  ];
}

/** Every translated image of a particle: complex [t][k]. */
function shiftedImages(
  memory: HostMemory,
  images: Float64Array,
  batch: ParticleBatch,
  phases: Phases,
  i: number,
): Float64Array {
  const { pixels } = batch;
  const K = pixels.count;
  const xy = memory.index(pixels.xy_k);
  const table = memory.real(phases.table);
  const shifted = new Float64Array(2 * phases.count * K);
  for (let t = 0; t < phases.count; t++)
    for (let k = 0; k < K; k++) {
      const [c, s] = phaseAt(phases, table, pixels.size, t, pixelX(xy[k]), pixelY(xy[k]));
      const [re, im] = [images[2 * (i * K + k)], images[2 * (i * K + k) + 1]];
      shifted[2 * (t * K + k)] = re * c - im * s;
      shifted[2 * (t * K + k) + 1] = re * s + im * c;
    }
  return shifted;
}

/** Call `visit` for every particle, orientation and translation with the model image and the translated image. */
function forEachPose(
  memory: HostMemory,
  { batch, slices_ok, orientations, phases }: CoarsePass,
  visit: (model: Float64Array, image: Float64Array, i: number, sample: number) => void,
): void {
  const K = batch.pixels.count;
  const slices = memory.real(slices_ok);
  const ctf = memory.real(batch.ctf_ik);
  const model = new Float64Array(2 * K);
  for (let i = 0; i < batch.count; i++) {
    const shifted = shiftedImages(memory, memory.real(batch.images_ik), batch, phases, i);
    for (let o = 0; o < orientations; o++) {
      for (let k = 0; k < K; k++) {
        model[2 * k] = ctf[i * K + k] * slices[2 * (o * K + k)];
        model[2 * k + 1] = ctf[i * K + k] * slices[2 * (o * K + k) + 1];
      }
      for (let t = 0; t < phases.count; t++)
        visit(
          model,
          shifted.subarray(2 * t * K, 2 * (t + 1) * K),
          i,
          (i * orientations + o) * phases.count + t,
        );
    }
  }
}

/** 1/2 sum_k w |F - X|^2 - 1/2 sum_k w |X|^2, each pixel's terms taken together. */
function squaredDifference(
  model: Float64Array,
  image: Float64Array,
  imageAt: number,
  weights: Float64Array,
  weightAt: number,
  count: number,
): number {
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const [fr, fi] = [model[2 * k], model[2 * k + 1]];
    const [xr, xi] = [image[imageAt + 2 * k], image[imageAt + 2 * k + 1]];
    sum += weights[weightAt + k] * (0.5 * (fr * fr + fi * fi) - (fr * xr + fi * xi));
  }
  return sum;
}

/** Minus the normalised cross-correlation, all pixels alike. */
function correlation(
  model: Float64Array,
  image: Float64Array,
  imageAt: number,
  _weights: Float64Array,
  _weightAt: number,
  count: number,
): number {
  let cross = 0;
  let modelPower = 0;
  let imagePower = 0;
  for (let at = 0; at < 2 * count; at++) {
    cross += model[at] * image[imageAt + at];
    modelPower += model[at] ** 2;
    imagePower += image[imageAt + at] ** 2;
  }
  return modelPower > 0 && imagePower > 0 ? -cross / Math.sqrt(modelPower * imagePower) : 0;
}

/** The model image of a child orientation: CTF x slice. */
function modelImage(
  memory: HostMemory,
  pass: FinePass,
  i: number,
  orientation: number,
  out: Float64Array,
  childSlices: ChildSlices | undefined,
): void {
  const { batch, projector } = pass;
  const K = batch.pixels.count;
  const data = memory.real(projector.data);
  const made = childSlices === undefined ? undefined : memory.real(childSlices.slices_ok);
  const own = orientation - (childSlices?.firstRow ?? 0);
  const matrices = memory.real(pass.matrices);
  const xy = memory.index(batch.pixels.xy_k);
  const ctf = memory.real(batch.ctf_ik);
  for (let k = 0; k < K; k++) {
    if (made !== undefined) {
      out[2 * k] = ctf[i * K + k] * made[2 * (own * K + k)];
      out[2 * k + 1] = ctf[i * K + k] * made[2 * (own * K + k) + 1];
      continue;
    }
    const [re, im] = sliceValue(
      data,
      projector,
      batch.pixels.size,
      matrices,
      9 * (orientation % pass.rows),
      pixelX(xy[k]),
      pixelY(xy[k]),
      Math.floor(orientation / pass.rows) * centredLength(projector),
    );
    out[2 * k] = ctf[i * K + k] * re;
    out[2 * k + 1] = ctf[i * K + k] * im;
  }
}

export const expectationOperations: Operations<HostMemory, ExpectationOperation> = {
  imageConstants(memory, { batch, constant_i }) {
    const K = batch.pixels.count;
    const images = memory.real(batch.images_ik);
    const weights = memory.real(batch.weights_ik);
    const constant = memory.real(constant_i);
    for (let i = 0; i < batch.count; i++) {
      constant[i] = 0;
      for (let k = i * K; k < (i + 1) * K; k++)
        constant[i] += 0.5 * weights[k] * (images[2 * k] ** 2 + images[2 * k + 1] ** 2);
    }
  },

  diff2Coarse(memory, pass) {
    const K = pass.batch.pixels.count;
    const weights = memory.real(pass.batch.weights_ik);
    const diff2 = memory.real(pass.diff2_iot);
    forEachPose(memory, pass, (model, image, i, sample) => {
      diff2[sample] = squaredDifference(model, image, 0, weights, i * K, K);
    });
  },

  crossCorrelation(memory, pass) {
    const score = memory.real(pass.score_iot);
    const K = pass.batch.pixels.count;
    const weights = memory.real(pass.batch.weights_ik);
    forEachPose(memory, pass, (model, image, _i, sample) => {
      score[sample] = correlation(model, image, 0, weights, 0, K);
    });
  },

  diff2Fine(memory, pass) {
    const { samples, batch, rotations, shifts, phases } = pass;
    const K = batch.pixels.count;
    const values = memory.real(samples.values);
    const start = memory.index(samples.start_i);
    const first = memory.index(samples.firstSample_g);
    const weights = memory.real(batch.weights_ik);
    const model = new Float64Array(2 * K);
    const score = pass.correlation ? correlation : squaredDifference;
    for (let i = 0; i < batch.count; i++) {
      const shifted = shiftedImages(memory, memory.real(batch.images_ik), batch, phases, i);
      for (let g = start[i]; g < start[i + 1]; g++) {
        const coarse = first[g] / samples.children;
        const parent = Math.floor(coarse / samples.translations);
        const translation = coarse % samples.translations;
        for (let r = 0; r < rotations; r++) {
          const row = parent * rotations + r;
          const made = pass.childSlices?.find(
            ({ firstRow, rows }) => row >= firstRow && row < firstRow + rows,
          );
          modelImage(memory, pass, i, row, model, made);
          for (let s = 0; s < shifts; s++)
            values[g * samples.children + r * shifts + s] = score(
              model,
              shifted,
              2 * (translation * shifts + s) * K,
              weights,
              i * K,
              K,
            );
        }
      }
    }
  },

  shellTerms(memory, { batch, classes, terms_cik, sums_cis3 }) {
    const { pixels } = batch;
    const lists = memory.index(pixels.byShell);
    const terms = memory.real(terms_cik);
    const images = memory.real(batch.images_ik);
    const rows = classes * batch.count;
    const sums = memory.real(sums_cis3).fill(0, 0, 3 * rows * pixels.shells);
    for (let i = 0; i < rows; i++)
      for (let s = 0; s < pixels.shells; s++)
        for (let at = lists[s]; at < lists[s + 1]; at++) {
          const k = i * pixels.count + lists[pixels.shells + 1 + at];
          const sum = 3 * (i * pixels.shells + s);
          sums[sum] += terms[2 * k];
          sums[sum + 1] += terms[2 * k + 1];
          const own = (i % batch.count) * pixels.count + lists[pixels.shells + 1 + at];
          sums[sum + 2] += images[2 * own] ** 2 + images[2 * own + 1] ** 2;
        }
  },

  viewTotals(memory, { samples, runs, rotations, shifts, count, total_v }) {
    const values = memory.real(samples.values);
    const runGroup = memory.index(runs.runGroup_r);
    const totals = memory.real(total_v);
    for (let view = 0; view < count; view++) {
      const [run, r] = [Math.floor(view / rotations), view % rotations];
      totals[view] = 0;
      for (let g = runGroup[run]; g < runGroup[run + 1]; g++)
        for (let s = 0; s < shifts; s++) totals[view] += values[g * samples.children + r * shifts + s];
    }
  },

  weightedSums(memory, pass) {
    const { samples, batch, rotations, shifts, phases, runs, viewCount } = pass;
    const K = batch.pixels.count;
    const first = memory.index(samples.firstSample_g);
    const values = memory.real(samples.values);
    const runGroup = memory.index(runs.runGroup_r);
    const views = memory.index(pass.views_v2);
    const orientation = memory.index(pass.orientation_v);
    const total = memory.real(pass.total_v);
    const ctf = memory.real(pass.viewCtf_ik);
    const noise = memory.real(pass.sumWeights_ik);
    const terms = memory.real(pass.terms_cik);
    const numerator = memory.real(pass.numerator_vk);
    const weightOut = memory.real(pass.weight_vk);
    const merged = memory.index(pass.merged_m2);
    const members = memory.index(pass.members_v2);
    const rows = new Uint32Array(viewCount);
    for (let m = 0; m < pass.mergedCount; m++)
      for (let at = merged[2 * m]; at < merged[2 * m + 2]; at++) rows[members[2 * at]] = merged[2 * m + 1];
    const model = new Float64Array(2 * K);
    let images: { particle: number; masked: Float64Array; plain: Float64Array } | undefined;
    for (let view = 0; view < viewCount; view++) {
      const [run, r] = [Math.floor(views[2 * view] / rotations), views[2 * view] % rotations];
      const i = views[2 * view + 1];
      if (images?.particle !== i)
        images = {
          particle: i,
          masked: shiftedImages(memory, memory.real(batch.images_ik), batch, phases, i),
          plain: shiftedImages(memory, memory.real(pass.unmasked_ik), batch, phases, i),
        };
      const sums = { masked: new Float64Array(2 * K), plain: new Float64Array(2 * K) };
      for (let g = runGroup[run]; g < runGroup[run + 1]; g++)
        for (let s = 0; s < shifts; s++) {
          const weight = values[g * samples.children + r * shifts + s];
          if (weight === 0) continue;
          const t = ((first[g] / samples.children) % samples.translations) * shifts + s;
          for (let at = 0; at < 2 * K; at++) {
            sums.masked[at] += weight * images.masked[2 * t * K + at];
            sums.plain[at] += weight * images.plain[2 * t * K + at];
          }
        }
      modelImage(memory, pass, i, orientation[view], model, pass.childSlices);
      const slot = Math.floor(orientation[view] / pass.rows);
      for (let k = 0; k < K; k++) {
        const [fr, fi] = [model[2 * k], model[2 * k + 1]];
        const at = 2 * ((slot * batch.count + i) * K + k);
        terms[at] += fr * sums.masked[2 * k] + fi * sums.masked[2 * k + 1];
        terms[at + 1] += total[view] * (fr * fr + fi * fi);
        const factor = ctf[i * K + k] * noise[i * K + k];
        const out = rows[view] * K + k;
        numerator[2 * out] += factor * sums.plain[2 * k];
        numerator[2 * out + 1] += factor * sums.plain[2 * k + 1];
        weightOut[out] += ctf[i * K + k] * factor * total[view];
      }
    }
  },
};
