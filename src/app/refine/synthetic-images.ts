import type { ImageSource } from "../../em/refinement.js";

/** Made-up particles: projections of a map along its axes, with white noise of unit variance. The same particle is always the same image. */
export class SyntheticImages implements ImageSource {
  private readonly views: readonly Float32Array[];

  constructor(
    map: ArrayLike<number>,
    private readonly box: number,
  ) {
    const area = box * box;
    const views = [0, 1, 2].map(() => new Float32Array(area));
    for (let at = 0; at < area * box; at++) {
      const [x, y, z] = [at % box, Math.floor(at / box) % box, Math.floor(at / area)];
      views[0][y * box + x] += map[at];
      views[1][z * box + x] += map[at];
      views[2][z * box + y] += map[at];
    }
    this.views = views;
  }

  images(particles: readonly number[]): Float32Array {
    const area = this.box ** 2;
    const images = new Float32Array(particles.length * area);
    for (const [i, particle] of particles.entries()) {
      const view = this.views[particle % 3];
      const normal = normalNumbers(particle);
      for (let at = 0; at < area; at++) images[i * area + at] = view[at] + normal();
    }
    return images;
  }

  async *batches(particles: readonly number[], size: number) {
    for (let first = 0; first < particles.length; first += size) {
      const some = particles.slice(first, first + size);
      yield { particles: some, images: this.images(some) };
    }
  }
}

/** Nearly normal numbers: sums of twelve from a linear congruential generator. */
function normalNumbers(seed: number): () => number {
  let state = (Math.imul(seed + 1, 2654435761) ^ 0x9e3779b9) >>> 0;
  return () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      sum += state / 2 ** 32;
    }
    return sum;
  };
}
