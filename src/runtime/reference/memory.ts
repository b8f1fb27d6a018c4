import { Arena, type TraceEvent } from "../arena.js";
import type { BufferKind, DeviceBuffer } from "../contract.js";

/** Bytes of an element in float64. */
export const referenceBytes = { real: 8, complex: 16, index: 4, accumulator: 24 } as const;

/** Buffers of the reference runtime: one typed array a block, accounted for in an arena. */
export class HostMemory {
  readonly arena: Arena;
  private readonly arrays = new Map<number, Float64Array | Uint32Array>();

  constructor(bytes: number, onEvent?: (event: TraceEvent) => void) {
    this.arena = new Arena({ slabs: [bytes], ...(onEvent === undefined ? {} : { onEvent }) });
  }

  alloc(kind: BufferKind, name: string, length: number): DeviceBuffer {
    const bytes = length * referenceBytes[kind];
    const block = this.arena.alloc(name, bytes);
    const array = kind === "index" ? new Uint32Array(length) : new Float64Array(bytes / 8);
    this.arrays.set(block.id, array.fill(kind === "index" ? 0xdeadbeef : Number.NaN));
    return { kind, name, length, block };
  }

  free(buffer: DeviceBuffer): void {
    this.arena.free(buffer.block);
    this.arrays.delete(buffer.block.id);
  }

  pop(scope: DeviceBuffer["block"]["scope"]): void {
    this.arena.pop(scope);
    const held = new Set(this.arena.held.map((block) => block.id));
    for (const id of this.arrays.keys()) if (!held.has(id)) this.arrays.delete(id);
  }

  array(buffer: DeviceBuffer): Float64Array | Uint32Array {
    const array = this.arrays.get(buffer.block.id);
    if (array === undefined) throw new Error(`${buffer.name} (${buffer.block.scope}) is not held any more`);
    return array;
  }

  /** Numbers of a real, complex (pairs) or accumulator (triples) buffer. */
  real(buffer: DeviceBuffer): Float64Array {
    const array = this.array(buffer);
    if (!(array instanceof Float64Array)) throw new Error(`${buffer.name} holds indices, not numbers`);
    return array;
  }

  index(buffer: DeviceBuffer): Uint32Array {
    const array = this.array(buffer);
    if (!(array instanceof Uint32Array)) throw new Error(`${buffer.name} holds numbers, not indices`);
    return array;
  }
}
