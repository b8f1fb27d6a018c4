import type { BufferKind, DeviceBuffer } from "../contract.js";

/** A kernel launch. */
export interface Launch {
  /** Workgroups, numbered along one axis; `items`: one invocation each, in workgroups of the device's choice. */
  readonly over: { readonly groups: number } | { readonly items: number };
  /** Relative cost of a workgroup (of an item), such as the length of its inner loop; only its ratio between launches matters. */
  readonly cost: number;
  /** Bytes of workgroup memory, where a kernel leaves them to its launches (CUDA). */
  readonly shared?: number;
  readonly params: Readonly<Record<string, number>>;
  readonly buffers: Readonly<Record<string, DeviceBuffer | undefined>>;
}

/** What the operations of this folder need of a device: they are written once for WebGPU and CUDA. */
export interface KernelDevice {
  /** Bytes of one element of each kind. */
  readonly elementBytes: Readonly<Record<BufferKind, number>>;
  alloc(kind: BufferKind, name: string, length: number): DeviceBuffer;
  upload(buffer: DeviceBuffer, values: ArrayLike<number>, at: number): void;
  /** Copy the first `bytes` (a multiple of 4) of a buffer, after all work so far. */
  copy(from: DeviceBuffer, to: DeviceBuffer, bytes: number): Promise<void>;
  /** Queue a kernel after all work so far. */
  run(kernel: string, launch: Launch): Promise<void>;
}
