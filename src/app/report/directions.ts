import { viewingDirection } from "../../geometry/euler.js";
import type { PointGroup } from "../../geometry/symmetry.js";

/** A piece of the sphere of viewing directions, degrees. All pieces have the same area. */
export interface DirectionBin {
  readonly rot: readonly [number, number];
  readonly tilt: readonly [number, number];
  readonly count: number;
  /** Over what uniform directions would give. */
  readonly density: number;
}

interface Ring {
  /** Cosine of the tilt at the lower edge. */
  readonly until: number;
  readonly bins: number;
  readonly first: number;
}

/** Rings of constant tilt with bins about as wide as high; the edges follow from equal areas. */
function makeRings(number: number): Ring[] {
  const bins = Array.from({ length: number }, (_, ring) =>
    Math.max(3, Math.round(2 * number * Math.sin((Math.PI * (ring + 0.5)) / number))),
  );
  const total = bins.reduce((sum, n) => sum + n, 0);
  let first = 0;
  return bins.map((n) => {
    const ring = { until: 1 - (2 * (first + n)) / total, bins: n, first };
    first += n;
    return ring;
  });
}

const degree = 180 / Math.PI;

/** Rings with which a bin holds about ten directions, 8 to 24. */
export const ringsFor = (directions: number): number =>
  Math.min(24, Math.max(8, Math.round(Math.sqrt((directions / 10) * (Math.PI / 4)))));

/**
 * Counts of viewing directions and their symmetry mates in bins of equal area, about 4 / pi rings^2 of them.
 * @param rot, tilt degrees
 */
export function binDirections(
  rot: ArrayLike<number>,
  tilt: ArrayLike<number>,
  group: PointGroup,
  rings = ringsFor(rot.length * group.operators.length),
): DirectionBin[] {
  const layout = makeRings(rings);
  const last = layout[layout.length - 1];
  const counts = new Float64Array(last.first + last.bins);
  for (let i = 0; i < rot.length; i++) {
    const [x, y, z] = viewingDirection(rot[i], tilt[i]);
    for (const m of group.operators) {
      const height = m[6] * x + m[7] * y + m[8] * z;
      const angle = Math.atan2(m[3] * x + m[4] * y + m[5] * z, m[0] * x + m[1] * y + m[2] * z);
      const ring = layout.find(({ until }) => height >= until) ?? last;
      const turn = Math.floor(((angle + Math.PI) / (2 * Math.PI)) * ring.bins);
      counts[ring.first + (turn % ring.bins)]++;
    }
  }
  const mean = (rot.length * group.operators.length) / counts.length;
  return layout.flatMap(({ until, bins, first }, ring) => {
    const from = ring === 0 ? 1 : layout[ring - 1].until;
    const tilts = [from, until].map((z) => Math.acos(Math.max(-1, Math.min(1, z))) * degree);
    return Array.from({ length: bins }, (_, bin) => ({
      rot: [(360 * bin) / bins - 180, (360 * (bin + 1)) / bins - 180] as const,
      tilt: [tilts[0], tilts[1]] as const,
      count: counts[first + bin],
      density: mean > 0 ? counts[first + bin] / mean : 0,
    }));
  });
}

/** Mollweide's equal-area projection: rot to x in [-2 sqrt 2, 2 sqrt 2], tilt to y in [-sqrt 2, sqrt 2], tilt 0 on top. */
export function mollweide(rot: number, tilt: number): [number, number] {
  const latitude = (90 - tilt) / degree;
  const target = Math.PI * Math.sin(latitude);
  let theta = latitude;
  for (let step = 0; step < 30; step++) {
    const slope = 2 + 2 * Math.cos(2 * theta);
    if (slope < 1e-9) break;
    theta -= (2 * theta + Math.sin(2 * theta) - target) / slope;
  }
  const half = Math.sqrt(2);
  return [(((2 * half) / Math.PI) * rot * Math.cos(theta)) / degree, half * Math.sin(theta)];
}
