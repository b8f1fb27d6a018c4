import type { Launch } from "../gpu/device.js";
import type { NativeDevice } from "./addon.js";

export type Precision = "single" | "double";

/** A kernel as scripts/build-cuda.mjs reads it from its source. */
export interface KernelSignature {
  /** Threads of a block. */
  readonly threads: number;
  readonly sharedBytes?: number;
  /** In the image for compute capability 9.0. */
  readonly hardware?: boolean;
  readonly parameters: readonly { readonly name: string; readonly type: ParameterType }[];
}
type ParameterType = "buffer" | "u32" | "i32" | "u64" | "float" | "double" | "real";

/** Compiled kernels: their declarations, machine code for a precision, and that for compute capability 9.0 alone where it was built. */
export interface KernelImage {
  readonly signatures: Readonly<Record<string, KernelSignature>>;
  readonly code: Uint8Array;
  readonly hopper?: Uint8Array;
}

const bytesOf = { buffer: 8, u32: 4, i32: 4, u64: 8, float: 4, double: 8 } as const;

interface Slot {
  readonly name: string;
  readonly type: keyof typeof bytesOf;
  readonly offset: number;
}

/** A kernel that can be launched. */
export interface ReadyKernel {
  readonly name: string;
  readonly number: number;
  readonly threads: number;
  readonly slots: readonly Slot[];
  readonly bytes: number;
}

/** Places of parameters as C lays out a structure of them. */
function layOut(parameters: KernelSignature["parameters"], precision: Precision) {
  let at = 0;
  const slots = parameters.map(({ name, type }): Slot => {
    const own = type === "real" ? (precision === "double" ? "double" : "float") : type;
    const size = bytesOf[own];
    const offset = Math.ceil(at / size) * size;
    at = offset + size;
    return { name, type: own, offset };
  });
  return { slots, bytes: at };
}

/** The kernels of a device, each looked up when it is first launched. */
export class Kernels {
  private readonly ready = new Map<string, ReadyKernel>();
  private readonly module: number;
  private readonly hopper: number | undefined;

  /** `hopper`: load the image for compute capability 9.0 too. */
  constructor(
    private readonly native: NativeDevice,
    private readonly image: KernelImage,
    private readonly precision: Precision,
    hopper: boolean,
  ) {
    this.module = native.load(image.code);
    if (hopper && image.hopper !== undefined) this.hopper = native.load(image.hopper);
  }

  /** Whether kernels for compute capability 9.0 are loaded. */
  get hasHopper(): boolean {
    return this.hopper !== undefined;
  }

  find(name: string): ReadyKernel {
    let kernel = this.ready.get(name);
    if (kernel === undefined) {
      const signature = this.image.signatures[name];
      if (signature === undefined)
        throw new Error(`no kernel ${name}: build/cuda is older than the program; npm run build:cuda`);
      const { threads, sharedBytes = 0, hardware = false, parameters } = signature;
      const symbol = this.precision === "double" ? `${name}_double` : name;
      const module = hardware ? this.hopper : this.module;
      if (module === undefined) throw new Error(`kernel ${name} is for compute capability 9.0`);
      const number = this.native.kernel(module, symbol, threads, sharedBytes);
      kernel = { name, number, threads, ...layOut(parameters, this.precision) };
      this.ready.set(name, kernel);
    }
    return kernel;
  }
}

/** Write the parameters of a launch; `address` is that of the arena. */
export function packParameters(
  view: DataView,
  { name, slots }: ReadyKernel,
  { params, buffers }: Pick<Launch, "params" | "buffers">,
  address: number,
): void {
  for (const slot of slots) {
    const { type, offset } = slot;
    if (type === "buffer") {
      const buffer = buffers[slot.name];
      if (buffer === undefined && !(slot.name in buffers))
        throw new Error(`kernel ${name}: buffer ${slot.name} is missing`);
      putUint64(view, offset, buffer === undefined ? 0 : address + buffer.block.offset);
      continue;
    }
    const value = params[slot.name];
    if (value === undefined) throw new Error(`kernel ${name}: parameter ${slot.name} is missing`);
    if (type === "u32") view.setUint32(offset, value, true);
    else if (type === "float") view.setFloat32(offset, value, true);
    else if (type === "double") view.setFloat64(offset, value, true);
    else if (type === "i32") view.setInt32(offset, value, true);
    else putUint64(view, offset, value);
  }
}

/** Whole numbers up to 2^53. */
function putUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}
