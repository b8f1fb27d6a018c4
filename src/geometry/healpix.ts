/**
 * Directions on the HEALPix grid of Górski et al. 2005 (ApJ 622:759), nested numbering, 2^order pixels along a side of each
 * of the 12 base faces. Centres come in closed form from integers, because RELION decides by the last bit of these angles
 * which directions on the seams of an asymmetric unit it keeps.
 */

/** Number of directions of an order: 12, 48, 192, ... */
export const directionCount = (order: number): number => 12 * 4 ** order;

/** The even bits of a number, packed: the x of a nested pixel within its face, or the y of `bits >>> 1`. */
function evenBits(bits: number): number {
  let packed = 0;
  for (let bit = 0; bit < 16; bit++) packed |= ((bits >>> (2 * bit)) & 1) << bit;
  return packed;
}

/** Centre of a nested pixel in degrees: rot in (-180, 180], tilt in [0, 180] (equations 4, 5, 8 and 9 of the paper). */
export function pixelDirection(order: number, pixel: number): { rot: number; tilt: number } {
  const side = 2 ** order;
  const face = pixel >>> (2 * order);
  const within = pixel & (4 ** order - 1);
  const [x, y] = [evenBits(within), evenBits(within >>> 1)];
  const row = face >> 2;
  const ring = (row + 2) * side - x - y - 1;
  const fromPole = Math.min(ring, 4 * side - ring);
  const inCap = fromPole < side;
  const quarter = inCap ? fromPole : side;
  const shift = inCap ? 0 : (ring - side) & 1;
  const cap = 1 - (fromPole * fromPole) / (3 * side * side);
  const belt = ((2 * side - ring) * 2) / (3 * side);
  const cosine = !inCap ? belt : ring < side ? cap : -cap;
  const eighth = 2 * (face & 3) + (row === 1 ? 0 : 1);
  const position = (eighth * quarter + x - y + 1 + shift) / 2;
  const wrapped = position < 1 ? position + 4 * quarter : position;
  const rot = ((wrapped - 0.5 * (shift + 1)) * ((0.5 * Math.PI) / quarter) * 180) / Math.PI;
  return { rot: rot > 180 ? rot - 360 : rot, tilt: (Math.acos(cosine) * 180) / Math.PI };
}

/** The 4^levels pixels of the finer grid of order + levels inside a pixel: y outer, x inner, as RELION lists them. */
export function childPixels(pixel: number, levels: number): number[] {
  const parts = 2 ** levels;
  const spread = Array.from({ length: parts }, (_, index) => {
    let bits = 0;
    for (let bit = 0; bit < levels; bit++) bits |= ((index >>> bit) & 1) << (2 * bit);
    return bits;
  });
  return spread.flatMap((y) => spread.map((x) => pixel * parts * parts + 2 * y + x));
}

/** The largest angle in degrees between the centre of a pixel and its corners, found where belt and polar cap meet. */
export function maxPixelRadius(order: number): number {
  const side = 2 ** order;
  const rim = 1 - 1 / side;
  const corner = 1 - (rim * rim) / 3;
  const cosine =
    (2 / 3) * corner + Math.sqrt(5 / 9) * Math.sqrt(1 - corner * corner) * Math.cos(Math.PI / (4 * side));
  return (Math.acos(cosine) * 180) / Math.PI;
}
