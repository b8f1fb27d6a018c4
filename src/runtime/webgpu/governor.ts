/** Longest dispatch that is aimed at, ms: below the 250 ms after which browsers and desktops suffer, with room for a wrong estimate. */
const target = 80;
/** A measurement shorter than this is mostly launch overhead, so the next launch may be this many times larger before a new one. */
const shortest = 8;
const growth = 8;
/** Workgroup cost that is dispatched before anything is known of a kernel. */
const probe = 4096;

/** Workgroups along x of a dispatch; the rest go along y. Also in common/groups.wgsl. */
export const groupsAcross = 32768;

interface Rate {
  /** Milliseconds a unit of cost. */
  perUnit: number;
  /** Largest cost measured so far. */
  cost: number;
  measured: number;
}

/**
 * Splits launches so that none runs longer than the time budget. Rates are measured: a kernel starts with a small part and grows; once a
 * part has run long enough, its rate is trusted and later launches are queued without waiting.
 */
export class DispatchGovernor {
  private readonly rates = new Map<string, Rate>();
  private queued = 0;

  /** How many of `groups` workgroups of `cost` each to launch now, whether to time them, and whether enough is queued to submit. */
  next(kernel: string, groups: number, cost: number): { groups: number; measured: boolean; full: boolean } {
    const rate = this.rates.get(kernel);
    const limit = (units: number) =>
      wholeRows(Math.max(1, Math.min(groups, Math.floor(units / cost))), groups);
    if (rate === undefined) return { groups: limit(probe), measured: true, full: false };
    const affordable = target / rate.perUnit;
    const trusted = rate.measured >= shortest;
    const part = limit(trusted ? affordable : Math.min(affordable, growth * rate.cost));
    const measured = !trusted && part * cost > 2 * rate.cost;
    this.queued = measured ? 0 : this.queued + part * cost * rate.perUnit;
    const full = this.queued > target / 4;
    if (full) this.queued = 0;
    return { groups: part, measured, full };
  }

  learn(kernel: string, cost: number, elapsed: number): void {
    const known = this.rates.get(kernel);
    const perUnit = Math.max(elapsed, 0.01) / cost;
    if (known === undefined || cost >= known.cost)
      this.rates.set(kernel, { perUnit, cost, measured: elapsed });
  }
}

/**
 * A dispatch of several rows runs whole rows. What it runs beyond the end of the launch returns at once, but beyond a part that is not the last
 * it would run what the next part runs again.
 */
function wholeRows(part: number, groups: number): number {
  return part < groups && part > groupsAcross ? part - (part % groupsAcross) : part;
}
