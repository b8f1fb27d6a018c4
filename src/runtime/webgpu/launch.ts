import type { BufferKind, DeviceBuffer } from "../contract.js";
import { type GpuDevice, type Launch, webGpuBytes } from "./device.js";

/** What operations need of a device to launch their kernels. */
export type Launcher = Pick<GpuDevice, "run">;

const lanes = 64;

/** Launch a kernel with one invocation an element (workgroups of 64). `cost` is that of an element. */
export function threads(
  gpu: Launcher,
  kernel: string,
  count: number,
  params: Launch["params"],
  buffers: Launch["buffers"],
  cost = 1,
): Promise<void> {
  return gpu.run(kernel, { groups: Math.ceil(count / lanes), cost, params: { count, ...params }, buffers });
}

/** Consecutive parts of a scratch buffer; lengths are in numbers and multiples of 64. */
export function split(
  scratch: DeviceBuffer,
  parts: readonly { kind: BufferKind; length: number }[],
): DeviceBuffer[] {
  let at = 0;
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  if (scratch.kind !== "real" || scratch.length < total)
    throw new RangeError(`${scratch.name} holds ${scratch.length} numbers and ${total} are needed`);
  return parts.map(({ kind, length }) => {
    const bytes = 4 * length;
    const block = { ...scratch.block, offset: scratch.block.offset + 4 * at, bytes };
    at += length;
    return { kind, name: scratch.name, length: bytes / webGpuBytes[kind], block };
  });
}
