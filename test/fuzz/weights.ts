import { FormatError } from "../../src/errors.js";
import { bytesSource, memorySink } from "../../src/formats/source.js";
import { type CompressedWeights, expandWeights, weightsFault } from "../../src/runtime/weights.js";
import { checkWeights, readWeights, readWeightsHead, writeWeights } from "../../src/runtime/weights-file.js";
import { fuzzLoop, mutate } from "./mutate.js";

/** A weights file made field by field, without the writer under test. */
export function makeWeights(fields: {
  children: number;
  valueBytes: number;
  samples: number;
  starts: number[];
  firstSamples: number[];
  values: number[];
}): Uint8Array {
  const { children, valueBytes, samples, starts, firstSamples, values } = fields;
  const indexEnd = 40 + 4 * (starts.length + firstSamples.length);
  const begin = indexEnd + (indexEnd % 8);
  const view = new DataView(new ArrayBuffer(begin + values.length * valueBytes));
  new TextEncoder().encodeInto("CTWEIGHT", new Uint8Array(view.buffer));
  [1, children, valueBytes, starts.length - 1, samples, 0, firstSamples.length, 0].forEach((value, n) => {
    view.setUint32(8 + 4 * n, value, true);
  });
  [...starts, ...firstSamples].forEach((value, n) => {
    view.setUint32(40 + 4 * n, value, true);
  });
  values.forEach((value, n) => {
    if (valueBytes === 4) view.setFloat32(begin + 4 * n, value, true);
    else view.setFloat64(begin + 8 * n, value, true);
  });
  return new Uint8Array(view.buffer);
}

/** Small files: padded and not, float32 and float64, without groups, without particles. */
export const weightsSeeds: readonly Uint8Array[] = [
  makeWeights({
    children: 2,
    valueBytes: 4,
    samples: 6,
    starts: [0, 2, 2, 3],
    firstSamples: [0, 4, 2],
    values: [1, 0.5, 0, 3, 1e-30, 7],
  }),
  makeWeights({
    children: 4,
    valueBytes: 8,
    samples: 8,
    starts: [0, 1, 2],
    firstSamples: [4, 0],
    values: [1, 2, 3, 4, 5, 6, 7, 8],
  }),
  makeWeights({
    children: 32,
    valueBytes: 4,
    samples: 2 ** 20,
    starts: [0, 0],
    firstSamples: [],
    values: [],
  }),
  makeWeights({ children: 1, valueBytes: 8, samples: 0, starts: [0], firstSamples: [], values: [] }),
];

const snippets = [0, 1, 2, 3, 4, 8, 0x7fc00000, 0x80000000, 0xbf800000, 0xffffffff].map((value) => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
});

/** The values of a sound file by a second, naive reading: a dense array of each particle. */
function naiveDense(bytes: Uint8Array): number[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (n: number) => view.getUint32(4 * n, true);
  const [children, valueBytes, particles, samples, groups] = [word(3), word(4), word(5), word(6), word(8)];
  const begin = bytes.length - groups * children * valueBytes;
  return Array.from({ length: particles }, (_, i) => {
    const dense = new Array<number>(samples).fill(0);
    for (let g = word(10 + i); g < word(11 + i); g++)
      for (let s = 0; s < children; s++) {
        const at = begin + (g * children + s) * valueBytes;
        dense[word(11 + particles + g) + s] =
          valueBytes === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
      }
    return dense;
  });
}

/**
 * Mutated weights files: the reader refuses them with a `FormatError` that names a byte of the file, or gives weights that keep
 * every rule, are those of a naive reading, and are written back to the same bytes. What was not mutated is read.
 */
export function fuzzWeights(options: { seconds: number; seed: number }): Promise<{ executions: number }> {
  return fuzzLoop("weights", options, async (random) => {
    const seed = weightsSeeds[random.below(weightsSeeds.length)] as Uint8Array;
    let input = Uint8Array.from(seed);
    const way = random.below(4);
    if (way === 1) input = mutate(seed, random, snippets);
    if (way > 1)
      for (let n = way - 1; n > 0; n--)
        input.set(snippets[random.below(snippets.length)] as Uint8Array, 4 * random.below(input.length >> 2));
    let weights: CompressedWeights;
    try {
      weights = await readWeights(bytesSource(input, "input"));
    } catch (error) {
      if (way === 0 || !(error instanceof FormatError)) throw error;
      const { file, byte = -1 } = error.location;
      if (file !== "input" || byte < 0 || byte > input.length)
        throw new Error(`byte ${byte} of ${input.length}: ${error.message}`);
      return input;
    }
    const fault = weightsFault(weights);
    if (fault !== undefined) throw new Error(fault);
    const head = await readWeightsHead(bytesSource(input, "input"));
    await checkWeights(bytesSource(input, "input"), head);
    if (weights.samples * (weights.start_i.length - 1) <= 1 << 16) {
      const dense = naiveDense(input);
      for (const [i, naive] of dense.entries())
        if (expandWeights(weights, i).some((value, s) => !Object.is(value, naive[s])))
          throw new Error(`particle ${i} differs from a naive reading`);
    }
    const sink = memorySink();
    await writeWeights(weights, sink);
    const written = sink.bytes();
    if (written.length !== input.length || written.some((byte, n) => byte !== input[n]))
      throw new Error("writing changed the bytes");
    return input;
  });
}
