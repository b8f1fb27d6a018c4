import { halfTransform, inverseRealFft } from "../geometry/fft.js";
import { forEachPixel, shellOf } from "../geometry/fourier.js";
import { GlibcRandom } from "../geometry/random.js";

/**
 * Noise images that fill what is outside the particle masks: Gaussian of the spectrum of each particle's group, drawn as RELION draws it
 * (`seed` + number of the particle). Real [i][y][x].
 */
export function noiseImages(
  box: number,
  particles: readonly number[],
  sigma2_i: readonly Float64Array[],
  seed: number,
): Float64Array {
  const images = new Float64Array(particles.length * box * box);
  const transform = halfTransform([box, box]);
  for (const [i, particle] of particles.entries()) {
    const random = new GlibcRandom(seed + particle);
    const sigma = sigma2_i[i].map(Math.sqrt);
    forEachPixel(box, box, (x, y, index) => {
      const shell = shellOf(x, y);
      const width = shell <= box / 2 ? sigma[shell] : 0;
      transform.re[index] = random.gaussian(0, width);
      transform.im[index] = random.gaussian(0, width);
    });
    images.set(inverseRealFft(transform), i * box * box);
  }
  return images;
}
