/** A card as the driver tells of it. */
export interface CudaDeviceInfo {
  /** Its number in the driver's order. */
  readonly ordinal: number;
  readonly name: string;
  /** GPU-xxxxxxxx-xxxx-..., as nvidia-smi prints it. */
  readonly uuid: string;
  /** PCI bus address. */
  readonly bus: string;
  readonly totalBytes: number;
  /** Compute capability times ten: 80, 90, ... */
  readonly capability: number;
  readonly multiprocessors: number;
  /** Shared memory that a block may ask for. */
  readonly sharedBytes: number;
  /** A display hangs on it: long kernels are cut short. */
  readonly display: boolean;
}

/** native/cuda/addon. Failures are `Error`s with `code` (CUDA_ERROR_..., CUFFT_..., ERR_NO_DRIVER or ERR_NO_LIBRARY) and `call`. */
export interface NativeCuda {
  /** The driver of a library (libcuda.so.1). */
  load(library: string): NativeDriver;
  /** The version of a library of cuFFT: 11204 for 11.2.4. */
  fftVersion(library: string): number;
}

export interface NativeDriver {
  /** 13000 for CUDA 13.0. */
  readonly version: number;
  devices(): CudaDeviceInfo[];
  freeBytes(ordinal: number): number;
  /** Takes `arena` bytes of the card in one piece, and `staging` bytes of pinned host memory. */
  open(ordinal: number, arena: number, staging: number): NativeDevice;
}

/** One queue of work, done in the order of the calls. Places are byte offsets in the arena. */
export interface NativeDevice {
  /** Pinned memory for uploads; gone when the device is closed. */
  readonly staging: ArrayBuffer;
  /** Parameters of the next launch. */
  readonly params: ArrayBuffer;
  /** Device address of the arena. */
  readonly address: number;
  load(image: Uint8Array): number;
  /** Whether the driver makes tensor maps. */
  readonly tensorMaps: boolean;
  /** 128 bytes that tell the copy engine of a matrix of halfs at a place, read in tiles of `box` rows by 64, zeros beyond its end. */
  tensorMap(at: number, rows: number, width: number, box: number): ArrayBuffer;
  kernel(module: number, symbol: string, threads: number, sharedBytes: number): number;
  /** `sharedBytes`: less dynamic shared memory than the kernel may have. */
  launch(kernel: number, groups: number, paramBytes: number, sharedBytes?: number): void;
  upload(to: number, stagingAt: number, bytes: number): void;
  download(from: number, bytes: number): Promise<ArrayBuffer>;
  clear(to: number, bytes: number): void;
  copy(from: number, to: number, bytes: number): void;
  /** Make plans by the library of cuFFT from now on; its version. */
  loadFft(library: string): number;
  /** A plan of `batch` real transforms, one behind the other, and the bytes that it works in. */
  makeFft(
    shape: readonly number[],
    batch: number,
    inverse: boolean,
    inDouble: boolean,
  ): { readonly plan: number; readonly workBytes: number };
  executeFft(plan: number, from: number, to: number, work: number): void;
  freeFft(plan: number): void;
  /** Mark number `mark` stands at the end of the queue as it is now; `awaitMark` blocks until the work before it is done. */
  mark(mark: number): void;
  awaitMark(mark: number): void;
  /** Milliseconds between two marks that were reached. */
  elapsed(from: number, to: number): number;
  finish(): Promise<void>;
  close(): Promise<void>;
}
