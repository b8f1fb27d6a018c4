import { halfColumns, inverseRealFft, realFft } from "../geometry/fft.js";
import { fourierShellCorrelation, frequency, shellOf } from "../geometry/fourier.js";
import { GlibcRandom } from "../geometry/random.js";

type Map = Float32Array | Float64Array;

/** Phases are random from the first shell where the unmasked FSC is lower. */
const randomFrom = 0.8;

/**
 * FSC of two half maps inside a mask, corrected for what the mask itself correlates: that part is measured on maps with random phases (Chen et
 * al. 2013, Ultramicroscopy 135:24). Shells 0 .. box / 2; 0 beyond half the current size.
 */
export function solventCorrectedFsc(
  one: Map,
  two: Map,
  mask: ArrayLike<number>,
  box: number,
  currentSize: number,
  seed: number,
): Float64Array {
  const shape = [box, box, box];
  const transform = (map: Map) => realFft(Float64Array.from(map), shape);
  const masked = (map: Map) => transform(map.map((value, at) => value * mask[at]));
  const unmaskedFsc = fourierShellCorrelation(transform(one), transform(two));
  const first = unmaskedFsc.findIndex((value, s) => s > 0 && value < randomFrom);
  const fsc =
    first < 0
      ? unmaskedFsc
      : correct(
          fourierShellCorrelation(masked(one), masked(two)),
          fourierShellCorrelation(
            masked(randomPhases(one, shape, first, new GlibcRandom(seed))),
            masked(randomPhases(two, shape, first, new GlibcRandom(seed + 1))),
          ),
          first,
        );
  return fsc.map((value, s) => (s > currentSize / 2 ? 0 : value));
}

/** Two shells beyond the first random one the mask's part is taken out. */
const correct = (masked: Float64Array, random: Float64Array, first: number): Float64Array =>
  masked.map((value, s) =>
    s < first + 2 ? value : random[s] > value ? 0 : Math.max(0, (value - random[s]) / (1 - random[s])),
  );

/** A map with its amplitudes, and random phases from a shell on. */
function randomPhases(map: Map, shape: readonly number[], from: number, random: GlibcRandom): Float64Array {
  const [n] = shape;
  const half = realFft(Float64Array.from(map), shape);
  const columns = halfColumns(n);
  for (let index = 0; index < half.re.length; index++) {
    const row = Math.floor(index / columns);
    const shell = shellOf(index % columns, frequency(row % n, n), frequency(Math.floor(row / n), n));
    if (shell < from) continue;
    const amplitude = Math.hypot(half.re[index], half.im[index]);
    const phase = random.uniform(0, 2 * Math.PI);
    half.re[index] = amplitude * Math.cos(phase);
    half.im[index] = amplitude * Math.sin(phase);
  }
  return inverseRealFft(half);
}
