/** Number of HEALPix directions of an order (Górski et al. 2005, Astrophys. J. 622:759): 12 x 4^order. */
export const directionCount = (order: number): number => 12 * 4 ** order;

/** Every second bit of `bits`, packed. */
function evenBits(bits: number): number {
  let packed = 0;
  for (let level = 0; level < 15; level++) packed |= ((bits >>> (2 * level)) & 1) << level;
  return packed;
}

/**
 * Centre of a pixel in nested numbering: rot in (-180, 180], tilt in [0, 180] degrees (Górski et al. 2005, equations 4 to 9). Angles are
 * made from whole numbers in one step, because the seams of asymmetric units are decided by their last bits.
 */
export function pixelDirection(order: number, pixel: number): { rot: number; tilt: number } {
  const side = 2 ** order;
  const face = Math.floor(pixel / (side * side));
  const within = pixel - face * side * side;
  const x = evenBits(within);
  const y = evenBits(within >>> 1);
  const ring = (2 + Math.floor(face / 4)) * side - x - y - 1;
  const fromPole = Math.min(ring, 4 * side - ring);
  const polar = fromPole < side;
  const inQuarter = polar ? fromPole : side;
  const cap = 1 - (fromPole * fromPole) / (3 * side * side);
  const z = polar ? (ring < 2 * side ? cap : -cap) : (2 * (2 * side - ring)) / (3 * side);
  const column = 2 * (face % 4) + (face < 4 || face >= 8 ? 1 : 0);
  const half = column * inQuarter + x - y;
  const eighths = half > 4 * inQuarter ? half - 8 * inQuarter : half;
  return { rot: (45 * eighths) / inQuarter, tilt: (Math.acos(z) * 180) / Math.PI };
}

/**
 * The 4^levels pixels inside `pixel` at `levels` orders above, in RELION's order: y outer, x inner, where x and y are the even and the odd
 * bits of the nested number.
 */
export function childPixels(pixel: number, levels: number): number[] {
  const side = 2 ** levels;
  const children: number[] = [];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let bits = 0;
      for (let level = 0; level < levels; level++)
        bits |= (((x >> level) & 1) | (((y >> level) & 1) << 1)) << (2 * level);
      children.push(pixel * 4 ** levels + bits);
    }
  }
  return children;
}

/** Largest distance between the centre and the corner of a pixel, in degrees. */
export function maxPixelRadius(order: number): number {
  const side = 2 ** order;
  const z1 = 2 / 3;
  const phi = Math.PI / (4 * side);
  const z2 = 1 - (1 - 1 / side) ** 2 / 3;
  const s1 = Math.sqrt(1 - z1 * z1);
  const s2 = Math.sqrt(1 - z2 * z2);
  return (Math.acos(s1 * Math.cos(phi) * s2 + z1 * z2) * 180) / Math.PI;
}
