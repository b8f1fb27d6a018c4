const modulus = 0x7fffffff;

/** Largest value of `GlibcRandom.next`. */
export const randMax = modulus;

/**
 * The generator behind `srand` and `rand` of the GNU C library (additive feedback, x^31 + x^3 + 1), which RELION's half sets, class
 * seeds, perturbations and noise fills come from. A new generator is as if `srand(1)` had been called.
 */
export class GlibcRandom {
  private readonly state = new Uint32Array(31);
  private at = 0;
  private spare: number | undefined;

  constructor(seed = 1) {
    this.seed(seed);
  }

  /** `srand(seed)`. A gaussian that is held back stays, as it does in RELION. */
  seed(seed: number): void {
    const start = seed >>> 0 || 1;
    let value = start | 0;
    this.state[0] = value;
    for (let i = 1; i < 31; i++) {
      value = (16807 * value) % modulus;
      if (value < 0) value += modulus;
      this.state[i] = value;
    }
    // The three elements behind the first 31 repeat the first three.
    this.at = 3;
    for (let i = 0; i < 310; i++) this.next();
  }

  /** `rand()`: an integer from 0 to 2^31 - 1. */
  next(): number {
    const { state, at } = this;
    const value = (state[at] + state[(at + 28) % 31]) >>> 0;
    state[at] = value;
    this.at = (at + 1) % 31;
    return value >>> 1;
  }

  /** Uniform between `low` and `high`, in float32 arithmetic as RELION draws it. */
  uniform(low = 0, high = 1): number {
    const f = Math.fround;
    const step = f(f(randMax) / f(f(high) - f(low)));
    return f(f(low) + f(f(this.next()) / step));
  }

  /**
   * Normal deviate by the polar method of Marsaglia, two from each accepted pair, in float32 but for the sum of squares, which
   * RELION takes in float64.
   */
  gaussian(mean = 0, sigma = 1): number {
    const f = Math.fround;
    if (sigma === 0) return f(mean);
    if (this.spare !== undefined) {
      const second = this.spare;
      this.spare = undefined;
      return f(f(mean) + f(f(sigma) * second));
    }
    for (;;) {
      const u = f(f(2 * this.uniform()) - 1);
      const v = f(f(2 * this.uniform()) - 1);
      const w = f(u * u + v * v);
      if (w >= 1 || w === 0) continue;
      const factor = f(Math.sqrt(f(f(-2 * f(Math.log(w))) / w)));
      this.spare = f(v * factor);
      return f(f(mean) + f(f(sigma) * f(u * factor)));
    }
  }

  /** Shuffle in place as `std::random_shuffle` of the GNU C++ library does with `rand()`. */
  shuffle(values: Int32Array | Uint32Array | number[]): void {
    for (let i = 1; i < values.length; i++) {
      const j = this.next() % (i + 1);
      [values[i], values[j]] = [values[j], values[i]];
    }
  }
}

/** Half sets (1 or 2) of `count` particles in list order, as RELION assigns them for a seed. */
export function randomHalves(count: number, seed: number): Uint8Array {
  const random = new GlibcRandom(seed);
  return Uint8Array.from({ length: count }, () => (random.next() % 2) + 1);
}

/**
 * The order in which RELION works through particles: the previous order shuffled again with `seed + iteration`. With half sets, half 1
 * comes before half 2 and each is shuffled by itself. A seed of 0 keeps the order. (Several optics groups are then sorted by group,
 * which is stable and left to the caller.)
 */
export function nextParticleOrder(
  order: Uint32Array,
  seed: number,
  iteration: number,
  halves?: Uint8Array,
): Uint32Array {
  if (seed === 0) return order.slice();
  const random = new GlibcRandom(seed + iteration);
  if (halves === undefined) {
    const next = order.slice();
    random.shuffle(next);
    return next;
  }
  const next = new Uint32Array(order.length);
  let filled = 0;
  for (const half of [1, 2]) {
    const members = order.filter((particle) => halves[particle] === half);
    random.shuffle(members);
    next.set(members, filled);
    filled += members.length;
  }
  return next;
}

/** The class (from 0) that each particle starts in when K classes grow from one reference; `order` is that of the iteration. */
export function classSeeds(order: Uint32Array, seed: number, classes: number): Uint32Array {
  const seeds = new Uint32Array(order.length);
  const random = new GlibcRandom();
  for (const [position, particle] of order.entries()) {
    random.seed(seed + position);
    seeds[particle] = random.next() % classes;
  }
  return seeds;
}

/**
 * The perturbation of the sampling grids in each iteration, as fractions of a step: `factor` is `--perturb`. The first draw comes
 * from the generator before it is seeded, the following ones after seeding with `seed + iteration`.
 */
export class Perturbation {
  instance: number;

  constructor(
    readonly factor: number,
    readonly seed: number,
  ) {
    this.instance = this.advance(0, new GlibcRandom());
  }

  /** Move to an iteration (counted from 1) and return its perturbation. */
  next(iteration: number): number {
    this.instance = this.advance(this.instance, new GlibcRandom(this.seed + iteration));
    return this.instance;
  }

  private advance(previous: number, random: GlibcRandom): number {
    if (this.factor === 0) return 0;
    const moved = previous + random.uniform(0.5 * this.factor, this.factor);
    return moved > this.factor ? moved - 2 * this.factor : moved;
  }
}
