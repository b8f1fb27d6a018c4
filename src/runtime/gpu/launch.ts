import type { BufferKind, DeviceBuffer } from "../contract.js";
import type { KernelDevice, Launch } from "./device.js";

/** What operations need of a device to launch their kernels. */
export type Launcher = Pick<KernelDevice, "run" | "elementBytes">;

/** Launch a kernel with one invocation an element. `cost` is that of an element. */
export function threads(
  gpu: Launcher,
  kernel: string,
  count: number,
  params: Launch["params"],
  buffers: Launch["buffers"],
  cost = 1,
): Promise<void> {
  return gpu.run(kernel, { over: { items: count }, cost, params: { count, ...params }, buffers });
}

/** Consecutive parts of a scratch buffer; lengths are in numbers and multiples of 64. */
export function split(
  { elementBytes }: Launcher,
  scratch: DeviceBuffer,
  parts: readonly { kind: BufferKind; length: number }[],
): DeviceBuffer[] {
  let at = 0;
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  if (scratch.kind !== "real" || scratch.length < total)
    throw new RangeError(`${scratch.name} holds ${scratch.length} numbers and ${total} are needed`);
  return parts.map(({ kind, length }) => {
    const bytes = elementBytes.real * length;
    const offset = scratch.block.offset + elementBytes.real * at;
    at += length;
    return {
      kind,
      name: scratch.name,
      length: bytes / elementBytes[kind],
      block: { ...scratch.block, offset, bytes },
    };
  });
}
