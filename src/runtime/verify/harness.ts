import type { BufferKind, DeviceBuffer, Runtime } from "../contract.js";
import type { ComparedName } from "../operations.js";

/** Outputs of a case by name. Index arrays are compared exactly, numbers by the tolerance of the operation. */
export type Outputs = Readonly<Record<string, Float64Array | Float32Array | Uint32Array>>;

/** One operation on one set of random inputs. `run` may be called for any number of runtimes. */
export interface Case {
  readonly operation: ComparedName;
  /** What is special about it: sizes, strategy. */
  readonly variant: string;
  readonly run: (bench: Workbench) => Promise<Outputs>;
}

/** Random inputs that float32 holds exactly, so that runtimes differ by their arithmetic alone. */
export class Random {
  private state: number;
  constructor(readonly seed: number) {
    this.state = seed >>> 0 || 1;
  }

  /** Uniform in [0, 1): xorshift32 (Marsaglia 2003). */
  uniform(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 2 ** 32;
  }

  integer(least: number, most: number): number {
    return least + Math.floor(this.uniform() * (most - least + 1));
  }

  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** `count` normal numbers of standard deviation `sigma`. */
  normals(count: number, sigma = 1): Float64Array {
    return Float64Array.from({ length: count }, () => Math.fround(sigma * this.normal()));
  }

  uniforms(count: number, low = 0, high = 1): Float64Array {
    return Float64Array.from({ length: count }, () => Math.fround(low + (high - low) * this.uniform()));
  }

  /** Row-major rotation matrices, uniformly distributed, transposed orientations as the contract wants them. */
  rotations(count: number): Float64Array {
    const all = new Float64Array(9 * count);
    for (let o = 0; o < count; o++) {
      const q = Array.from({ length: 4 }, () => this.normal());
      const size = Math.hypot(...q);
      const [w, x, y, z] = q.map((value) => value / size);
      const matrix = [
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
      ];
      all.set(matrix.map(Math.fround), 9 * o);
    }
    return all;
  }
}

/** A runtime in which a case makes its buffers; all are released when the case ends. */
export class Workbench {
  constructor(readonly runtime: Runtime) {}

  /** A buffer with values. */
  put(kind: BufferKind, name: string, values: ArrayLike<number>): DeviceBuffer {
    const buffer = this.runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
    this.runtime.upload(buffer, values);
    return buffer;
  }

  /** A buffer full of values that no operation writes, so that what stays unwritten shows. */
  async out(kind: BufferKind, name: string, length: number): Promise<DeviceBuffer> {
    const buffer = this.runtime.alloc(kind, name, length);
    if (kind === "accumulator") await this.runtime.clear(buffer);
    else if (kind === "index") this.runtime.upload(buffer, new Uint32Array(length).fill(0xdeadbeef));
    else
      this.runtime.upload(
        buffer,
        new Float64Array(kind === "complex" ? 2 * length : length).fill(Number.NaN),
      );
    return buffer;
  }

  async zeros(kind: BufferKind, name: string, length: number): Promise<DeviceBuffer> {
    const buffer = this.runtime.alloc(kind, name, length);
    await this.runtime.clear(buffer);
    return buffer;
  }

  get(buffer: DeviceBuffer, length?: number): Promise<Float64Array | Float32Array | Uint32Array> {
    return this.runtime.download(
      buffer,
      0,
      length === undefined || buffer.kind !== "complex" ? length : 2 * length,
    );
  }
}

/** Run a case in a scope of its own. */
export async function runCase(runtime: Runtime, test: Case): Promise<Outputs> {
  runtime.push("job");
  try {
    return await test.run(new Workbench(runtime));
  } finally {
    runtime.pop("job");
  }
}

/** Relative L2 error of numbers, or the share of differing indices; infinite where a value is not finite or lengths differ. */
export function outputError(found: Outputs[string], expected: Outputs[string]): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  if (expected instanceof Uint32Array) {
    let wrong = 0;
    for (let at = 0; at < expected.length; at++) if (found[at] !== expected[at]) wrong++;
    return wrong / Math.max(1, expected.length);
  }
  let difference = 0;
  let size = 0;
  for (let at = 0; at < expected.length; at++) {
    difference += (found[at] - expected[at]) ** 2;
    size += expected[at] ** 2;
  }
  const error = size === 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
}
