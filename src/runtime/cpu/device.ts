import { Arena, type TraceEvent } from "../arena.js";
import type { BufferKind, DeviceBuffer } from "../contract.js";
import { DeviceMemoryError } from "../errors.js";
import { kernels, moduleBytes, moduleText } from "./module.js";
import { controlBytes, Pool, type StartWorker } from "./pool.js";

/** Bytes of an element: float32, and 64-bit fixed point in accumulators. */
export const cpuBytes = { real: 4, complex: 8, index: 4, accumulator: 24 } as const;
export const cpuAlignment = 256;

const pageBytes = 65536;
/** Stack of a thread: the blocks of its kernels lie there. */
const stackBytes = 2 ** 22;
const paramsBytes = 1024;
/** Nanoseconds of work that one part of a command should be. */
const partTime = 40_000;

type KernelName = keyof typeof kernels;
/** A place in memory: a buffer, or an address. */
export type Place = DeviceBuffer | number | undefined;
type Params<Name extends KernelName> = {
  readonly [P in keyof (typeof kernels)[Name]]: (typeof kernels)[Name][P] extends "pointer" ? Place : number;
};

const kernelNames = Object.keys(kernels) as KernelName[];
const kernelNumber = new Map(kernelNames.map((name, number) => [name, number]));

let compiled: Promise<WebAssembly.Module> | undefined;
function compileModule(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(moduleText), (letter) => letter.charCodeAt(0)));
  return compiled;
}

/** The shared memory with its arena, and the threads that work on it. */
export class CpuDevice {
  private failure: Error | undefined;
  private closed = false;
  private rested = performance.now();
  private readonly view: DataView;

  private constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly pool: Pool,
    params: number,
    /** Address of the arena. */
    private readonly base: number,
    readonly arena: Arena,
  ) {
    this.view = new DataView(memory.buffer, params, paramsBytes);
  }

  /** @throws DeviceMemoryError */
  static async open(
    bytes: number,
    threads: number,
    startWorker: StartWorker | undefined,
    onEvent?: (event: TraceEvent) => void,
  ): Promise<CpuDevice> {
    const control = Math.ceil(moduleBytes / pageBytes) * pageBytes;
    const base = control + pageBytes + threads * stackBytes;
    const pages = Math.ceil((base + bytes) / pageBytes);
    // The last page stays unused: addresses of ends fit 32 bits.
    if (pages >= 65536)
      throw new DeviceMemoryError(
        `no room for an arena of ${bytes} bytes: WebAssembly addresses 4 GiB; give the cpu runtime at most ${65535 * pageBytes - base}`,
      );
    const module = await compileModule();
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (error) {
      throw new DeviceMemoryError(
        `no room for an arena of ${bytes} bytes (${(error as Error).message}); give it less`,
      );
    }
    const params = control + controlBytes;
    const stacks = Array.from(
      { length: threads },
      (_, thread) => control + pageBytes + (thread + 1) * stackBytes,
    );
    const pool = await Pool.start(
      { module, memory, names: kernelNames, control, params },
      stacks,
      startWorker,
    );
    const arena = new Arena({
      slabs: [bytes],
      alignment: cpuAlignment,
      ...(onEvent === undefined ? {} : { onEvent }),
    });
    return new CpuDevice(memory, pool, params, base, arena);
  }

  get threads(): number {
    return this.pool.threads;
  }

  /** Throws where a kernel has failed or the runtime is closed. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.closed) throw new Error("the runtime is closed");
  }

  alloc(kind: BufferKind, name: string, length: number): DeviceBuffer {
    return { kind, name, length, block: this.arena.alloc(name, length * cpuBytes[kind]) };
  }

  /** The address of a buffer, or of a number of it (four bytes each). */
  address({ block }: DeviceBuffer, number = 0): number {
    return this.base + block.offset + 4 * number;
  }

  /** The words of a buffer as they lie in memory. */
  words(buffer: DeviceBuffer, at = 0, length = buffer.block.bytes / 4 - at): Float32Array | Uint32Array {
    const View = buffer.kind === "index" ? Uint32Array : Float32Array;
    if (at < 0 || length < 0 || 4 * (at + length) > buffer.block.bytes)
      throw new RangeError(`${buffer.name}: words ${at} .. ${at + length} are beyond its end`);
    return new View(this.memory.buffer, this.address(buffer, at), length);
  }

  /** Run a kernel on `items` items of about `cost` nanoseconds each. */
  run<Name extends KernelName>(name: Name, items: number, cost: number, params: Params<Name>): void {
    this.check();
    this.writeParams(name, params);
    const shared = Math.ceil(items / (4 * this.threads));
    const part = Math.max(1, Math.min(shared, Math.ceil(partTime / cost)));
    try {
      this.pool.run(kernelNumber.get(name) ?? -1, items, items * cost < partTime ? items : part);
    } catch (error) {
      this.failure = new Error(`kernel ${name}: ${(error as Error).message}`, { cause: error });
      throw this.failure;
    }
  }

  /** Let other work of the process have its turn, now and then: kernels run on the calling thread. */
  async rest(): Promise<void> {
    if (performance.now() - this.rested < 20) return;
    await new Promise<void>((resume) => {
      if (typeof setImmediate === "function") setImmediate(resume);
      else setTimeout(resume);
    });
    this.rested = performance.now();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.pool.close();
  }

  private writeParams(name: KernelName, params: Readonly<Record<string, Place>>): void {
    let at = 0;
    for (const [field, type] of Object.entries(kernels[name])) {
      const value = params[field];
      if (type === "pointer") {
        const address = value === undefined ? 0 : typeof value === "number" ? value : this.address(value);
        this.view.setUint32(at, address, true);
      } else if (typeof value !== "number") throw new Error(`kernel ${name}: parameter ${field} is missing`);
      else if (type === "f64") {
        at += at % 8;
        this.view.setFloat64(at, value, true);
        at += 4;
      } else if (type === "float") this.view.setFloat32(at, value, true);
      else this.view.setUint32(at, value, true);
      at += 4;
    }
  }
}
