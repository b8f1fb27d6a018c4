import { Arena, type TraceEvent } from "../arena.js";
import type { BufferKind, Capabilities, DeviceBuffer } from "../contract.js";
import type { Launch } from "../gpu/device.js";
import type { MatrixDevice } from "../gpu/screen.js";
import type { CudaDeviceInfo, NativeDevice, NativeDriver } from "./addon.js";
import { asRuntimeError, isLibraryFault } from "./errors.js";
import { type KernelImage, Kernels, type Precision, packParameters } from "./kernels.js";
import { type DeviceProfile, Profiler } from "./profile.js";
import { Staging, stagingBytes } from "./staging.js";

/** Bytes of an element: accumulators are three 64-bit integers, numbers as long as the precision says. */
export const cudaBytes = {
  single: { real: 4, complex: 8, index: 4, accumulator: 24 },
  double: { real: 8, complex: 16, index: 4, accumulator: 24 },
} as const;
export const cudaAlignment = 256;

export interface DeviceOptions {
  readonly precision: Precision;
  readonly onEvent?: ((event: TraceEvent) => void) | undefined;
  /** Asks for times of all work, told when the device is closed; takes some time itself. */
  readonly onProfile?: ((profile: DeviceProfile) => void) | undefined;
}

/** One card with its arena, kernels and queue. */
export class CudaDevice implements MatrixDevice {
  readonly arena: Arena;
  readonly elementBytes: Readonly<Record<BufferKind, number>>;
  readonly multiprocessors: number;
  /** Whether it has matrix units for the screen. */
  readonly screens: boolean;
  readonly tensorMap: MatrixDevice["tensorMap"];
  private readonly staging: Staging;
  private readonly view: DataView;
  private readonly precision: Precision;
  private readonly onProfile: DeviceOptions["onProfile"];
  private readonly profiler: Profiler | undefined;
  private failure: unknown;
  private closed = false;

  private constructor(
    private readonly native: NativeDevice,
    readonly capabilities: Capabilities,
    private readonly kernels: Kernels,
    { capability, multiprocessors }: CudaDeviceInfo,
    { precision, onEvent, onProfile }: DeviceOptions,
  ) {
    this.multiprocessors = multiprocessors;
    this.screens = screens(capability, precision);
    if (kernels.hasHopper)
      this.tensorMap = ({ block }, rows, width, box) =>
        new Uint32Array(native.tensorMap(block.offset, rows, width, box));
    this.precision = precision;
    this.onProfile = onProfile;
    if (onProfile !== undefined) this.profiler = new Profiler(native);
    this.elementBytes = cudaBytes[precision];
    this.view = new DataView(native.params);
    this.staging = new Staging(native);
    this.arena = new Arena({
      slabs: capabilities.slabs,
      alignment: cudaAlignment,
      ...(onEvent === undefined ? {} : { onEvent }),
    });
  }

  /** @throws DeviceMemoryError, DeviceLostError, UnsupportedError */
  static async open(
    driver: NativeDriver,
    info: CudaDeviceInfo,
    bytes: number,
    image: KernelImage,
    options: DeviceOptions,
  ): Promise<CudaDevice> {
    let native: NativeDevice | undefined;
    try {
      native = driver.open(info.ordinal, bytes, stagingBytes);
      const { precision } = options;
      const hopper = info.capability === 90 && precision === "single" && native.tensorMaps;
      const kernels = new Kernels(native, image, precision, hopper);
      return new CudaDevice(native, capabilitiesOf(info, bytes), kernels, info, options);
    } catch (error) {
      await native?.close();
      throw asRuntimeError(error, info.name, bytes);
    }
  }

  /** Throws what went wrong on the device since the last look. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.closed) throw new Error("the runtime is closed");
  }

  alloc(kind: BufferKind, name: string, length: number): DeviceBuffer {
    return { kind, name, length, block: this.arena.alloc(name, length * this.elementBytes[kind]) };
  }

  async run(name: string, { over, params, buffers, shared }: Launch): Promise<void> {
    this.check();
    try {
      const kernel = this.kernels.find(name);
      const groups = "groups" in over ? over.groups : Math.ceil(over.items / kernel.threads);
      if (groups === 0) return;
      packParameters(this.view, kernel, { params, buffers }, this.native.address);
      this.queue(name, () => this.native.launch(kernel.number, groups, kernel.bytes, shared));
    } catch (error) {
      this.fail(error);
    }
  }

  upload(buffer: DeviceBuffer, values: ArrayLike<number>, at: number): void {
    this.check();
    const Target = this.arrayOf(buffer);
    const from = at * Target.BYTES_PER_ELEMENT;
    if (from + values.length * Target.BYTES_PER_ELEMENT > buffer.block.bytes)
      throw new RangeError(
        `${buffer.name}: ${values.length} numbers at ${at} do not fit ${buffer.length} elements`,
      );
    try {
      this.queue("upload", () => this.staging.send(Target, values, buffer.block.offset + from));
    } catch (error) {
      this.fail(error);
    }
  }

  async download(
    buffer: DeviceBuffer,
    at: number,
    length?: number,
  ): Promise<Float64Array | Float32Array | Uint32Array> {
    this.check();
    const Target = this.arrayOf(buffer);
    const size = Target.BYTES_PER_ELEMENT;
    const count = length ?? buffer.block.bytes / size - at;
    if (count === 0) return new Target(0);
    try {
      const queued = this.profiler?.queued;
      const bytes = await this.native.download(buffer.block.offset + size * at, size * count);
      this.profiler?.collect(queued);
      return new Target(bytes);
    } catch (error) {
      return this.fail(error);
    }
  }

  clear({ block }: DeviceBuffer): void {
    this.check();
    try {
      this.queue("clear", () => this.native.clear(block.offset, block.bytes));
    } catch (error) {
      this.fail(error);
    }
  }

  async copy(from: DeviceBuffer, to: DeviceBuffer, bytes = from.block.bytes): Promise<void> {
    this.check();
    try {
      this.queue("copy", () => this.native.copy(from.block.offset, to.block.offset, bytes));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Make plans of transforms by a library of cuFFT from now on; its version. Faults of the library are thrown as the addon tells them. */
  loadFft(library: string): number {
    this.check();
    try {
      const version = this.native.loadFft(library);
      // One for another driver shows itself by its first plan.
      this.native.freeFft(this.native.makeFft([4, 4], 1, false, this.precision === "double").plan);
      return version;
    } catch (error) {
      if (isLibraryFault(error)) throw error;
      return this.fail(error);
    }
  }

  /** A plan of real transforms by cuFFT, and the bytes that it works in. */
  planFft(
    shape: readonly number[],
    batch: number,
    inverse: boolean,
  ): { readonly plan: number; readonly workBytes: number } {
    this.check();
    try {
      return this.native.makeFft(shape, batch, inverse, this.precision === "double");
    } catch (error) {
      return this.fail(error);
    }
  }

  freeFft(plan: number): void {
    this.check();
    try {
      this.native.freeFft(plan);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Queue a transform of cuFFT after all work so far. */
  executeFft(
    name: string,
    plan: number,
    from: DeviceBuffer,
    to: DeviceBuffer,
    work: DeviceBuffer | undefined,
  ): void {
    this.check();
    try {
      const at = work?.block.offset ?? 0;
      this.queue(name, () => this.native.executeFft(plan, from.block.offset, to.block.offset, at));
    } catch (error) {
      this.fail(error);
    }
  }

  async finish(): Promise<void> {
    this.check();
    try {
      const queued = this.profiler?.queued;
      await this.native.finish();
      this.profiler?.collect(queued);
    } catch (error) {
      this.fail(error);
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.profiler !== undefined) this.onProfile?.(this.profiler.report());
    await this.native.close();
  }

  private queue(name: string, work: () => void): void {
    if (this.profiler === undefined) work();
    else this.profiler.timed(name, work);
  }

  private arrayOf({ kind }: DeviceBuffer) {
    if (kind === "index") return Uint32Array;
    return this.precision === "double" ? Float64Array : Float32Array;
  }

  /** Nothing that comes after a failure of the device can be trusted. */
  private fail(error: unknown): never {
    const known = asRuntimeError(error, this.capabilities.device, this.capabilities.arenaBytes);
    if (known !== error) this.failure ??= known;
    throw this.failure ?? error;
  }
}

function capabilitiesOf({ name, sharedBytes }: CudaDeviceInfo, bytes: number): Capabilities {
  return {
    device: name,
    software: isEmulated(name),
    maxBufferBytes: bytes,
    arenaBytes: bytes,
    slabs: [bytes],
    workgroupBytes: sharedBytes,
    workgroupInvocations: 1024,
    float16: true,
    float64: true,
    subgroups: true,
  };
}

/** Whether the coarse pass is screened: in single precision, on matrix units of compute capability 8.0 and up. */
const screens = (capability: number, precision: Precision): boolean =>
  precision === "single" && capability >= 80;

/** Whether a device is the processor (native/cuda/emulator). */
export const isEmulated = (name: string): boolean => /^emulated/i.test(name);
