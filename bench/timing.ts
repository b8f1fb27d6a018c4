import { type Runtime, type ScoreStrategy, scoreStrategies } from "../src/runtime/contract.js";
import {
  centredGeometry,
  centredLength,
  coarseScratch,
  makePhases,
  makePixels,
} from "../src/runtime/tables.js";
import { Random } from "../src/runtime/verify/harness.js";

/** Orientations of HEALPix order 3, translations of a 5 px range in steps of 2, pixels of a size of 62, particles of a batch. */
export const coarseShape = { orientations: 36864, translations: 21, size: 62, particles: 64 };

export interface Timing {
  readonly seconds: number;
  /** Share of the time in which the host prepares and submits work; the rest it waits for the device. */
  readonly hostShare: number;
}

const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

/** Medians of runs that take `least` ms together, at least three, after two that measure the device's rates. */
export async function time(
  submit: () => Promise<void>,
  finish: () => Promise<void>,
  least: number,
): Promise<Timing> {
  for (let warm = 0; warm < 2; warm++) {
    await submit();
    await finish();
  }
  const seconds: number[] = [];
  const shares: number[] = [];
  for (const begun = performance.now(); seconds.length < 3 || performance.now() - begun < least; ) {
    const start = performance.now();
    await submit();
    const submitted = performance.now();
    await finish();
    const end = performance.now();
    seconds.push((end - start) / 1000);
    shares.push((submitted - start) / (end - start));
  }
  return { seconds: middle(seconds), hostShare: middle(shares) };
}

/** The coarse pass by its strategies; `reach`: the share of the particles that each is timed with. */
export async function timeStrategies(
  runtime: Runtime,
  shape: typeof coarseShape,
  reach: Readonly<Record<ScoreStrategy, number>>,
): Promise<Map<ScoreStrategy, Timing & { particles: number }>> {
  const { orientations, translations, size, particles } = shape;
  const random = new Random(1);
  const geometry = centredGeometry(size, 2 * size, size);
  const pixels = makePixels(runtime, size, "shells");
  const upload = (kind: "real" | "complex", name: string, values: Float64Array) => {
    const buffer = runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
    runtime.upload(buffer, values);
    return buffer;
  };
  const slices = runtime.alloc("complex", "slices", orientations * pixels.count);
  await runtime.projectSlices({
    projector: {
      ...geometry,
      classes: 1,
      data: upload("complex", "projector", random.normals(2 * centredLength(geometry))),
    },
    first: 0,
    matrices: upload("real", "matrices", random.rotations(orientations)),
    rows: orientations,
    count: orientations,
    pixels,
    slices_ok: slices,
  });
  const batch = {
    pixels,
    images_ik: upload("complex", "images", random.normals(2 * particles * pixels.count)),
    ctf_ik: upload("real", "ctf", random.uniforms(particles * pixels.count, -1, 1)),
    weights_ik: upload("real", "weights", random.uniforms(particles * pixels.count)),
  };
  const phases = makePhases(runtime, random.uniforms(2 * translations, -5, 5), size, 2 * size);
  const scratch = runtime.alloc(
    "real",
    "scratch",
    coarseScratch({ particles, pixels: pixels.count }, orientations, translations),
  );
  const diff2 = runtime.alloc("real", "diff2", particles * orientations * translations);
  await runtime.finish();
  const timings = new Map<ScoreStrategy, Timing & { particles: number }>();
  for (const strategy of scoreStrategies) {
    const count = Math.max(1, Math.floor(particles * reach[strategy]));
    const pass = { batch: { ...batch, count }, slices_ok: slices, orientations, phases, scratch, strategy };
    const submit = () => runtime.diff2Coarse({ ...pass, diff2_iot: diff2 });
    const timing = await time(submit, () => runtime.finish(), 1000);
    timings.set(strategy, { ...timing, particles: count });
  }
  return timings;
}

/** Seconds of a forward and an inverse transform of a cube. */
export function timeFft(runtime: Runtime, side: number): Promise<number> {
  const fft = runtime.makeFft([side, side, side], 1);
  const values = runtime.alloc("real", "values", side ** 3);
  const spectra = runtime.alloc("complex", "spectra", side * side * (Math.floor(side / 2) + 1));
  runtime.upload(values, new Float32Array(side ** 3).fill(1));
  const both = async () => {
    await runtime.forwardFft(fft, values, spectra);
    await runtime.inverseFft(fft, spectra, values);
  };
  return time(both, () => runtime.finish(), 500).then(({ seconds }) => seconds);
}
