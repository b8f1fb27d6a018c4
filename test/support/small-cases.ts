import { type Case, coarseScores, imageConstants } from "../../src/app/small-case/case.js";
import { openReference } from "../../src/runtime/reference/index.js";

/** 1/2 w |C S - X e|^2 of every sample, summed by the reference over the pixels that are counted: all others have no weight. */
export async function sumsOver(data: Case, counts: (k: number) => boolean): Promise<Float64Array> {
  const { orientations, translations, pixels } = data.shape;
  const weights = data.weights_ik.map((weight, at) => (counts(at % pixels) ? weight : 0));
  const runtime = openReference({ bytes: 2 ** 28 });
  const constants = await imageConstants(runtime, data, weights);
  const scores = await coarseScores(runtime, data, "direct", weights);
  return scores.map((value, sample) => value + constants[Math.floor(sample / (orientations * translations))]);
}

/** Some particles, orientations and translations of a case. */
export function partOf(
  data: Case,
  { particles, orientations, translations }: Record<"particles" | "orientations" | "translations", number>,
): Case {
  const { pixels } = data.shape;
  return {
    ...data,
    shape: { ...data.shape, particles, orientations, translations },
    images_ik: data.images_ik.slice(0, 2 * particles * pixels),
    ctf_ik: data.ctf_ik.slice(0, particles * pixels),
    weights_ik: data.weights_ik.slice(0, particles * pixels),
    slices_ok: data.slices_ok.slice(0, 2 * orientations * pixels),
    translations_t2: data.translations_t2.slice(0, 2 * translations),
  };
}
