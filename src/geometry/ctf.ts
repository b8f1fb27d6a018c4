import { UserError } from "../errors.js";
import { halfColumns } from "./fft.js";
import { forEachPixel } from "./fourier.js";

/** What the contrast transfer function of a particle depends on. */
export interface CtfParameters {
  /** Acceleration voltage, kV. */
  readonly voltage: number;
  /** Spherical aberration, mm. */
  readonly sphericalAberration: number;
  /** Fraction of amplitude contrast, 0 to 1. */
  readonly amplitudeContrast: number;
  /** Defocus along the two principal axes, Angstrom, positive for underfocus. */
  readonly defocusU: number;
  readonly defocusV: number;
  /** Angle of the axis of `defocusU`, degrees from x towards y. */
  readonly defocusAngle: number;
  /** Envelope `exp(-B k^2 / 4)`, square Angstrom. Default 0. */
  readonly bFactor?: number;
  /** Default 1. */
  readonly scale?: number;
  /** Shift by a phase plate, degrees. Default 0. */
  readonly phaseShift?: number;
}

/** Anisotropic magnification as in `rlnMagMat00 ... 11`, row-major; the identity changes nothing. */
export type MagnificationMatrix = readonly [number, number, number, number];

export interface CtfOptions {
  /** Pixels of the full image and Angstrom a pixel: they set the frequencies, also of a cropped transform. */
  readonly box: number;
  readonly pixelSize: number;
  /** Size of the (cropped) transform; default `box`. */
  readonly size?: number;
  /** Take 1 up to the first peak (`--ctf_intact_first_peak`). */
  readonly intactFirstPeak?: boolean;
  /** The images' phases were flipped: the absolute value (`--ctf_phase_flipped`). */
  readonly phaseFlipped?: boolean;
  /** Correct signs only: +1 or -1 (`--only_flip_phases`). */
  readonly onlyFlipPhases?: boolean;
  /** Images were multiplied by their CTF: the square, as the model of such images has it (`rlnCtfPremultiplied`). */
  readonly premultiplied?: boolean;
  /** Frequencies (x, y) are those of the magnified specimen, M (x, y). */
  readonly magnification?: MagnificationMatrix;
  /** Radians added to the phase of each pixel (even aberrations). */
  readonly phaseOffset?: Float64Array;
}

/** Values nearer to 0 are moved to it with their sign, so that one can divide by a CTF (RELION's convention). */
const smallest = 1e-8;

/** Wavelength of electrons in Angstrom at a voltage in kV, relativistic. */
export function wavelength(voltage: number): number {
  const volts = voltage * 1000;
  return 12.2643247 / Math.sqrt(volts * (1 + volts * 0.978466e-6));
}

/**
 * The CTF at spatial frequencies (Mindell & Grigorieff 2003, J. Struct. Biol. 142:334): `-sin(gamma) exp(-B k^2 / 4) scale` with
 * `gamma = pi lambda dz(k) k^2 ...` in RELION's sign: positive at zero frequency with amplitude contrast. Throws `UserError` for parameters
 * that no microscope has.
 */
export class Ctf {
  private readonly k1: number;
  private readonly k2: number;
  private readonly k3: number;
  private readonly k4: number;
  private readonly k5: number;
  private readonly scale: number;
  private readonly axx: number;
  private readonly axy: number;
  private readonly ayy: number;

  constructor(parameters: CtfParameters) {
    const {
      voltage,
      sphericalAberration,
      amplitudeContrast,
      defocusU,
      defocusV,
      defocusAngle,
      bFactor = 0,
      scale = 1,
      phaseShift = 0,
    } = parameters;
    for (const [name, value] of Object.entries(parameters))
      if (!Number.isFinite(value)) throw new UserError(`CTF: ${name} is ${value}; a number was expected`);
    if (!(voltage > 0)) throw new UserError(`CTF: voltage is ${voltage} kV; it must be positive`);
    if (!(Math.abs(amplitudeContrast) < 1))
      throw new UserError(`CTF: amplitude contrast is ${amplitudeContrast}; it must lie between -1 and 1`);
    const lambda = wavelength(voltage);
    this.k1 = Math.PI * lambda;
    this.k2 = (Math.PI / 2) * sphericalAberration * 1e7 * lambda ** 3;
    this.k3 = Math.atan(amplitudeContrast / Math.sqrt(1 - amplitudeContrast ** 2));
    this.k4 = -bFactor / 4;
    this.k5 = (phaseShift * Math.PI) / 180;
    this.scale = scale;
    const angle = (defocusAngle * Math.PI) / 180;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    this.axx = -(defocusU * c * c + defocusV * s * s);
    this.axy = -(defocusU - defocusV) * s * c;
    this.ayy = -(defocusU * s * s + defocusV * c * c);
  }

  /** Phase gamma in radians at (x, y) per Angstrom. */
  phase(x: number, y: number): number {
    const k2 = x * x + y * y;
    return (
      this.k1 * (this.axx * x * x + 2 * this.axy * x * y + this.ayy * y * y) +
      this.k2 * k2 * k2 -
      this.k5 -
      this.k3
    );
  }

  /** The value at (x, y) per Angstrom; `offset` radians are added to the phase. */
  at(
    x: number,
    y: number,
    options: Omit<CtfOptions, "box" | "pixelSize" | "size" | "magnification" | "phaseOffset"> = {},
    offset = 0,
  ): number {
    const gamma = this.phase(x, y) + offset;
    let value = options.intactFirstPeak && Math.abs(gamma) < Math.PI / 2 ? 1 : -Math.sin(gamma);
    if (this.k4 !== 0) value *= Math.exp(this.k4 * (x * x + y * y));
    if (options.phaseFlipped) value = Math.abs(value);
    else if (options.onlyFlipPhases) value = value < 0 ? -1 : 1;
    value *= this.scale;
    if (Math.abs(value) < smallest) value = value < 0 ? -smallest : smallest;
    return options.premultiplied ? value * value : value;
  }

  /** The half transform (rows in FFT order, `size / 2 + 1` columns) of the CTF of an image. */
  image(options: CtfOptions, out?: Float64Array): Float64Array {
    const { box, pixelSize, size = box, phaseOffset, magnification: [a, b, c, d] = [1, 0, 0, 1] } = options;
    const values = out ?? new Float64Array(size * halfColumns(size));
    const step = 1 / (box * pixelSize);
    forEachPixel(size, size, (x, y, index) => {
      values[index] = this.at(step * (a * x + b * y), step * (c * x + d * y), options, phaseOffset?.[index]);
    });
    return values;
  }
}
