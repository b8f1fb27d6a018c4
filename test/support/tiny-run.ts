import type { Keep } from "../../src/em/grid-tables.js";
import { methodOptions, type RefineOptions } from "../../src/em/options.js";
import { particleSet } from "../../src/em/particles.js";
import {
  type ImageSource,
  type RefineContext,
  type Refinement,
  startRefinement,
} from "../../src/em/refinement.js";
import { type IterationReport, nextIteration } from "../../src/em/run-iteration.js";
import { parseStar } from "../../src/formats/star/index.js";
import { pointGroup } from "../../src/geometry/symmetry.js";
import type { Runtime } from "../../src/runtime/contract.js";
import { goldenFile, tinyFile, tinyPixels } from "./golden.js";

/** The options of the golden runs that all of them share, over the defaults of `relion_refine`. */
export const tinyOptions: RefineOptions = {
  K: 1,
  iter: 1,
  tau2Fudge: 1,
  particleDiameter: 90,
  maskEdge: 5,
  zeroMask: true,
  flattenSolvent: false,
  solventCorrectFsc: false,
  iniHigh: 20,
  firstIterCc: false,
  alwaysCc: false,
  offset: 10,
  oversampling: 1,
  healpixOrder: 1,
  offsetRange: 3,
  offsetStep: 1,
  sym: "C1",
  perturb: 0,
  bimodalPsi: false,
  skipAlign: false,
  skipRotate: false,
  skipMaximize: false,
  allowCoarserSampling: false,
  fastSubsets: false,
  ctf: true,
  ctfCorrectedRef: true,
  ctfIntactFirstPeak: false,
  ctfPhaseFlipped: false,
  onlyFlipPhases: false,
  norm: true,
  scale: true,
  pad: 2,
  skipGridding: false,
  incrSize: 10,
  adaptiveFraction: 0.999,
  fixSigmaNoise: false,
  fixSigmaOffset: false,
  autoRefine: false,
  lowResolJoinHalves: -1,
  autoLocalHealpixOrder: 4,
  autoIgnoreAngles: false,
  autoResolAngles: false,
  autoIterMax: 999,
  forceConverge: false,
  randomSeed: 5,
  relionQuirks: true,
  gsd: "gemm",
};

/** Images held in memory. */
export function imagesInMemory(pixels: Float32Array, size: number): ImageSource {
  return {
    async *batches(particles, count) {
      for (let first = 0; first < particles.length; first += count) {
        const some = particles.slice(first, first + count);
        const images = new Float32Array(some.length * size);
        for (const [i, p] of some.entries()) images.set(pixels.subarray(p * size, (p + 1) * size), i * size);
        yield { particles: some, images };
      }
    },
  };
}

/** The tiny set with a STAR file of its particles (`tiny/parts.star`, `poses/parts_ang.star`). */
export async function tinyContext(
  runtime: Runtime,
  options: Partial<RefineOptions>,
  file = "tiny/parts.star",
): Promise<RefineContext> {
  const all = methodOptions({ ...tinyOptions, ...options });
  const set = particleSet(parseStar(goldenFile(file), file));
  return {
    runtime,
    set,
    options: all,
    images: imagesInMemory(await tinyPixels("noisy.mrcs.gz"), set.box ** 2),
    group: pointGroup(all.sym),
    references: 1,
  };
}

/** All states of a run on the tiny set, iteration 0 first. */
export async function tinyRun(
  runtime: Runtime,
  options: Partial<RefineOptions>,
  {
    file,
    batch = 7,
    keep = "nothing",
    half,
  }: { file?: string; batch?: number; keep?: Keep; half?: Uint8Array } = {},
): Promise<{ states: Refinement[]; reports: IterationReport[]; context: RefineContext }> {
  const context = await tinyContext(runtime, options, file);
  const states = [await startRefinement(context, [await tinyPixels("ref.mrc")], half)];
  const reports: IterationReport[] = [];
  for (let i = 0; i < context.options.iter; i++) {
    const { refinement, report } = await nextIteration(context, states[i], {
      chooseBatch: async () => ({ size: batch, keep, hold: false }),
    });
    states.push(refinement);
    reports.push(report);
    if (refinement.automation.converged) break;
  }
  return { states, reports, context };
}

export { tinyFile };
