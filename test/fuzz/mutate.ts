/** A small generator of well-spread 32-bit numbers (mulberry32, T. Ettinger, public domain), so that a seed repeats a run. */
export function randomSource(seed: number): { below(n: number): number } {
  let state = seed >>> 0;
  return {
    below(n) {
      state = (state + 0x6d2b79f5) >>> 0;
      let x = Math.imul(state ^ (state >>> 15), state | 1);
      x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
      return ((x ^ (x >>> 14)) >>> 0) % n;
    },
  };
}

type Random = ReturnType<typeof randomSource>;

/** A copy of `bytes` with a few random edits: flipped bits, other bytes, runs cut out, doubled or moved, a cut end. */
export function mutate(
  bytes: Uint8Array,
  random: Random,
  snippets: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  let out = Uint8Array.from(bytes);
  for (let edits = 1 + random.below(6); edits > 0; edits--) {
    const at = random.below(out.length + 1);
    const length = random.below(Math.min(64, out.length - at) + 1);
    const kind = random.below(7);
    const cut = (start: number, end: number, insert: Uint8Array) => {
      const next = new Uint8Array(start + insert.length + out.length - end);
      next.set(out.subarray(0, start));
      next.set(insert, start);
      next.set(out.subarray(end), start + insert.length);
      out = next;
    };
    if (kind === 0 && at < out.length) out[at] ^= 1 << random.below(8);
    else if (kind === 1 && at < out.length) out[at] = random.below(256);
    else if (kind === 2) cut(at, at + length, new Uint8Array());
    else if (kind === 3) cut(at, at, out.slice(at, at + length));
    else if (kind === 4) out = out.slice(0, at);
    else cut(at, kind === 5 ? at : at + length, snippets[random.below(snippets.length)] as Uint8Array);
  }
  return out;
}

/** Run `check` on inputs until the time is over; a throw names the seed and the number of the input. */
export async function fuzzLoop(
  name: string,
  options: { seconds: number; seed: number },
  check: (random: Random) => Promise<Uint8Array>,
): Promise<{ executions: number }> {
  const deadline = performance.now() + options.seconds * 1000;
  let executions = 0;
  for (; performance.now() < deadline; executions++) {
    const begun = performance.now();
    try {
      await check(randomSource(options.seed + executions * 7919));
    } catch (error) {
      throw new Error(`${name}: seed ${options.seed}, input ${executions}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const taken = performance.now() - begun;
    if (taken > 5000)
      throw new Error(`${name}: seed ${options.seed}, input ${executions}: took ${taken.toFixed(0)} ms`);
  }
  return { executions };
}
