/** What a stream of random numbers is for; streams with different purposes are independent. */
export type Purpose = "molecule" | "pose" | "micrograph" | "noise";
const purposes: readonly Purpose[] = ["molecule", "pose", "micrograph", "noise"];

/** Mix of 32-bit words (the finaliser of MurmurHash3 by A. Appleby, public domain). */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * xoshiro128** (Blackman & Vigna 2021, ACM Trans. Math. Softw. 47:36), started from a seed, a purpose and a number, so that each particle has
 * its own stream: a set does not depend on the order or the number of threads in which particles are made.
 */
export class RandomStream {
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;
  private spare: number | undefined;

  constructor(seed: number, purpose: Purpose, number = 0) {
    const state = [0, 1, 2, 3].map((word) =>
      mix(mix(mix(seed + word * 0x9e3779b9) + purposes.indexOf(purpose) + 1) + number),
    );
    [this.s0, this.s1, this.s2, this.s3] = state as [number, number, number, number];
    if ((this.s0 | this.s1 | this.s2 | this.s3) === 0) this.s0 = 1;
  }

  /** 0 to 2^32 - 1. */
  private word(): number {
    const product = Math.imul(this.s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= shifted;
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21);
    return result;
  }

  /** Uniform in [low, high), 32 bits. */
  uniform(low = 0, high = 1): number {
    return low + ((high - low) * this.word()) / 4294967296;
  }

  /** Standard normal deviate (polar method of Marsaglia). */
  gaussian(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    for (;;) {
      const u = this.uniform(-1, 1);
      const v = this.uniform(-1, 1);
      const w = u * u + v * v;
      if (w >= 1 || w === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(w)) / w);
      this.spare = v * factor;
      return u * factor;
    }
  }
}
