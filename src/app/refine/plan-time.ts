import { type BatchChoice, DeviceIteration, type IterationInput } from "../../em/iteration.js";
import { DeviceReferences } from "../../em/references.js";
import type { SyntheticImages } from "./synthetic-images.js";

/** Seconds of an iteration, from a few made-up particles. */
export interface Timing {
  /** Particles that were timed, and the seconds that they took. */
  readonly particles: number;
  readonly seconds: number;
  /** Seconds of what is done once: references and slices, and the reconstruction of all classes. */
  readonly fixed: number;
  /** Of the iteration, without reading the images. */
  readonly estimate: number;
}

/** Timing goes on with more particles until they take this long (s). */
const longEnough = 0.3;
const mostTimed = 64;

/** Work through made-up particles as the iteration will do with those of the set. */
export async function timeIteration(
  runtime: DeviceReferences["runtime"],
  input: IterationInput,
  batch: BatchChoice,
  images: SyntheticImages,
): Promise<Timing> {
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await work();
    await runtime.finish();
    return (performance.now() - begun) / 1000;
  };
  const classes = input.oneClass ? 1 : input.model.classes.length;
  const most = Math.min(mostTimed, batch.size, input.members.length);
  let open: DeviceReferences | undefined;
  let device: DeviceIteration | undefined;
  const expect = async (count: number) => {
    const particles = input.members.slice(0, count);
    await (device as DeviceIteration).expect(particles, images.images(particles));
  };
  try {
    const start = await seconds(async () => {
      open = await DeviceReferences.open(
        runtime,
        input.model,
        classes,
        input.sizes.current,
        input.options.strictLowresExp,
      );
      device = await DeviceIteration.start(open, input, batch);
    });
    // The first particle pays for compiling kernels.
    await expect(1);
    let particles = Math.min(4, most);
    let took = await seconds(() => expect(particles));
    while (took < longEnough && particles < most) {
      particles = Math.min(most, 4 * particles);
      took = await seconds(() => expect(particles));
    }
    const end = await seconds(async () => {
      await device?.finishViews();
      await device?.reconstruct(0, particles);
    });
    const halves = input.members.length < input.set.count ? 2 : 1;
    const fixed = halves * (start + classes * end);
    return { particles, seconds: took, fixed, estimate: fixed + (took * input.set.count) / particles };
  } finally {
    open?.close();
  }
}
