import { UserError } from "../errors.js";

/** One Gaussian of a scattering factor: `a exp(-b s^2)`, s = sin(theta) / lambda in 1/Angstrom, a in Angstrom. */
export interface ScatteringTerm {
  readonly a: number;
  readonly b: number;
}

/** Elastic electron scattering factors of neutral atoms, five Gaussians for s up to 2 (Peng et al. 1996, Acta Cryst. A52:257, table 1). */
const peng: Record<string, readonly [readonly number[], readonly number[]]> = {
  H: [
    [0.0349, 0.1201, 0.197, 0.0573, 0.1195],
    [0.5347, 3.5867, 12.3471, 18.9525, 38.6269],
  ],
  C: [
    [0.0893, 0.2563, 0.757, 1.0487, 0.3575],
    [0.2465, 1.71, 6.4094, 18.6113, 50.2523],
  ],
  N: [
    [0.1022, 0.3219, 0.7982, 0.8197, 0.1715],
    [0.2451, 1.7481, 6.1925, 17.3894, 48.1431],
  ],
  O: [
    [0.0974, 0.2921, 0.691, 0.699, 0.2039],
    [0.2067, 1.3815, 4.6943, 12.7105, 32.4726],
  ],
  F: [
    [0.1083, 0.3175, 0.6487, 0.5846, 0.1421],
    [0.2057, 1.3439, 4.2788, 11.3932, 28.7881],
  ],
  NA: [
    [0.2142, 0.6853, 0.7692, 1.6589, 1.4482],
    [0.3334, 2.3446, 10.083, 48.3037, 138.27],
  ],
  MG: [
    [0.2314, 0.6866, 0.9677, 2.1882, 1.1339],
    [0.3278, 2.272, 10.9241, 39.2898, 101.9748],
  ],
  P: [
    [0.2548, 0.6106, 1.4541, 2.3204, 0.8477],
    [0.2908, 1.874, 8.5176, 24.3434, 63.2996],
  ],
  S: [
    [0.2497, 0.5628, 1.3899, 2.1865, 0.7715],
    [0.2681, 1.6711, 7.0267, 19.5377, 50.3888],
  ],
  CL: [
    [0.2443, 0.5397, 1.3919, 2.0197, 0.6621],
    [0.2468, 1.5242, 6.1537, 16.6687, 42.3086],
  ],
  FE: [
    [0.3946, 1.2725, 1.7031, 2.314, 1.4795],
    [0.2717, 2.0443, 7.6007, 29.9714, 86.2265],
  ],
  NI: [
    [0.386, 1.1765, 1.5451, 2.073, 1.3814],
    [0.2478, 1.766, 6.3107, 25.2204, 74.3146],
  ],
  CU: [
    [0.4314, 1.3208, 1.5236, 1.4671, 0.8562],
    [0.2694, 1.9223, 7.3474, 28.9892, 90.6246],
  ],
  ZN: [
    [0.4288, 1.2646, 1.4472, 1.8294, 1.0934],
    [0.2593, 1.7998, 6.75, 25.586, 73.5284],
  ],
};

/** Metals and halogens that occur in structures but not in the table above take the factor of the element named here. */
const neighbours: Record<string, string> = {
  D: "H",
  K: "NA",
  CA: "MG",
  MN: "FE",
  CO: "FE",
  SE: "S",
  BR: "CL",
  I: "CL",
};

/** The terms for an element symbol (any case). Throws `UserError`, naming `file`, for one that is unknown. */
export function scatteringFactor(element: string, file: string): ScatteringTerm[] {
  const symbol = element.trim().toUpperCase();
  const entry = peng[symbol] ?? peng[neighbours[symbol] ?? ""];
  if (entry === undefined)
    throw new UserError(
      `${file}: element "${element}" has no scattering factor here; known are ${[...Object.keys(peng), ...Object.keys(neighbours)].join(", ")}`,
    );
  const [a, b] = entry;
  return a.map((value, i) => ({ a: value, b: b[i] }));
}
