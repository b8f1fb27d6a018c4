import type { BufferDeclaration, DeviceBuffer, Fft } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import { columnsOf, product } from "../fft-plan.js";
import { threads } from "../gpu/launch.js";
import type { CudaDevice } from "./device.js";
import { isLibraryFault } from "./errors.js";
import type { Transforms } from "./transforms.js";

/** Where cuFFT is looked for. */
export interface CufftChoice {
  /** Paths, or names that the loader of the system knows; the first that works is taken. */
  readonly libraries: readonly string[];
  /** Where that is, in words. */
  readonly sought: string;
}

/** 12.0.4 for 12004. */
const formatVersion = (version: number) =>
  `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 100)}.${version % 100}`;

/** What a run says of the library that it takes. */
export const toldOfCufft = (version: number, library: string): string =>
  `cuFFT ${formatVersion(version)} (${library})`;

/**
 * The first library that `load` takes, and its version.
 * @throws UnsupportedError which says what was wrong with those that there are
 */
export function firstLibrary(
  { libraries, sought }: CufftChoice,
  load: (library: string) => number,
): { readonly library: string; readonly version: number } {
  const reasons: string[] = [];
  for (const library of libraries) {
    try {
      return { library, version: load(library) };
    } catch (error) {
      if (!isLibraryFault(error)) throw error;
      const { message, code } = error;
      // Of several, names that the loader does not know are no news.
      if (libraries.length === 1 || code !== "ERR_NO_LIBRARY" || library.includes("/"))
        reasons.push(message.includes(library) ? message : `${library}: ${message}`);
    }
  }
  throw new UnsupportedError(
    `${reasons.length > 0 ? `cuFFT cannot be used (${reasons.join("; ")})` : `no cuFFT (${sought})`}: name another library with CRYOTILE_CUFFT=PATH, or leave it out: transforms then use the kernels of CryoTile`,
  );
}

interface Plans {
  readonly forward: number;
  readonly inverse: number;
  readonly workBytes: number;
}

/** Pairs of plans that are kept: each has small tables on the device, beside the arena. */
const mostPlans = 32;

interface CufftFft extends Fft {
  readonly work: DeviceBuffer | undefined;
}

/** Transforms by cuFFT. Its plans work in a buffer of the arena, the same for both directions. */
export class Cufft implements Transforms {
  private readonly plans = new Map<string, Plans>();
  private readonly workBytes = new Map<string, number>();

  private constructor(
    private readonly cuda: CudaDevice,
    readonly told: string,
  ) {}

  /**
   * The first library of a choice that works on the device.
   * @throws UnsupportedError
   */
  static open(cuda: CudaDevice, choice: CufftChoice): Cufft {
    const { library, version } = firstLibrary(choice, (path) => cuda.loadFft(path));
    return new Cufft(cuda, toldOfCufft(version, library));
  }

  fftBuffers(shape: readonly number[], batch: number): readonly BufferDeclaration[] {
    const bytes = this.workBytes.get(keyOf(shape, batch)) ?? this.plansOf(shape, batch).workBytes;
    return bytes === 0 ? [] : [{ kind: "index", name: "fft work", length: Math.ceil(bytes / 4) }];
  }

  makeFft(shape: readonly number[], batch: number): CufftFft {
    const buffers = this.fftBuffers(shape, batch).map(({ kind, name, length }) =>
      this.cuda.alloc(kind, name, length),
    );
    return { shape, batch, buffers, work: buffers[0] };
  }

  async forward(fft: Fft, values: DeviceBuffer, spectra: DeviceBuffer): Promise<void> {
    const { shape, batch, work } = fft as CufftFft;
    this.cuda.executeFft("cufft forward", this.plansOf(shape, batch).forward, values, spectra, work);
    const width = shape[shape.length - 1];
    const count = ((batch * product(shape)) / width) * columnsOf(width);
    await threads(this.cuda, "fft_scale", count, { scale: 1 / product(shape) }, { spectra });
  }

  async inverse(fft: Fft, spectra: DeviceBuffer, values: DeviceBuffer): Promise<void> {
    const { shape, batch, work } = fft as CufftFft;
    const [n, height, depth = 1] = shape.toReversed();
    const count = batch * depth * height * (n % 2 === 0 ? 2 : 1);
    await threads(this.cuda, "fft_hermitian", count, { depth, height, n }, { spectra });
    this.cuda.executeFft("cufft inverse", this.plansOf(shape, batch).inverse, spectra, values, work);
  }

  private plansOf(shape: readonly number[], batch: number): Plans {
    const key = keyOf(shape, batch);
    const known = this.plans.get(key);
    // The one that was used last is the last one to go.
    this.plans.delete(key);
    const plans = known ?? this.makePlans(shape, batch);
    this.plans.set(key, plans);
    this.workBytes.set(key, plans.workBytes);
    return plans;
  }

  private makePlans(shape: readonly number[], batch: number): Plans {
    for (const [key, { forward, inverse }] of this.plans) {
      if (this.plans.size < mostPlans) break;
      this.plans.delete(key);
      this.cuda.freeFft(forward);
      this.cuda.freeFft(inverse);
    }
    const forward = this.cuda.planFft(shape, batch, false);
    const inverse = this.cuda.planFft(shape, batch, true);
    return {
      forward: forward.plan,
      inverse: inverse.plan,
      workBytes: Math.max(forward.workBytes, inverse.workBytes),
    };
  }
}

const keyOf = (shape: readonly number[], batch: number) => `${batch} x ${shape.join(" x ")}`;
