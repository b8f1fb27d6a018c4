import type { TraceEvent } from "../arena.js";
import type { Capabilities, Runtime, RuntimeLayout } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import { bindOperations } from "../operations.js";
import { CpuDevice, cpuAlignment, cpuBytes } from "./device.js";
import { expectationOperations } from "./expectation.js";
import { fftBuffers, makeCpuFft } from "./fft.js";
import { imageOperations } from "./images.js";
import { maximisationOperations } from "./maximisation.js";
import type { StartWorker } from "./pool.js";
import { projectionOperations } from "./projection.js";
import { weightOperations } from "./weights.js";

export interface CpuOptions {
  /** Bytes of the arena, 4 GiB less a few MiB at most. Default 512 MiB. */
  readonly bytes?: number;
  /** Threads that work, the calling one included. Default 1; more need `startWorker`. Results do not depend on it. */
  readonly threads?: number;
  /** How a worker starts: `openNodeCpu` and `openBrowserCpu` know. */
  readonly startWorker?: StartWorker;
  /** What the processor is called. */
  readonly processor?: string | undefined;
  readonly onEvent?: (event: TraceEvent) => void;
}

/** Sizes on the cpu runtime: float32, transforms that keep nothing but tables. */
export const cpuLayout: RuntimeLayout = {
  elementBytes: cpuBytes,
  alignment: cpuAlignment,
  screens: false,
  holdsImages: false,
  fftBuffers,
};

const operations = {
  ...imageOperations,
  ...projectionOperations,
  ...expectationOperations,
  ...weightOperations,
  ...maximisationOperations,
};

/**
 * A runtime on the processor: WebAssembly with SIMD over threads that share one memory. Needs no driver and no system package.
 * @throws DeviceMemoryError, UnsupportedError
 */
export async function openCpu(options: CpuOptions = {}): Promise<Runtime> {
  const { bytes = 2 ** 29, threads = 1, startWorker, processor, onEvent } = options;
  if (!Number.isSafeInteger(bytes) || bytes < 2 ** 20)
    throw new UnsupportedError(`an arena of ${bytes} bytes; a whole number of at least 1 MiB is needed`);
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > 256)
    throw new UnsupportedError(`${threads} threads; a whole number from 1 to 256 is needed`);
  const cpu = await CpuDevice.open(bytes, startWorker === undefined ? 1 : threads, startWorker, onEvent);
  const count = cpu.threads === 1 ? "1 thread" : `${cpu.threads} threads`;
  const capabilities: Capabilities = {
    device: ["WebAssembly SIMD", count, processor].filter(Boolean).join(", "),
    software: false,
    maxBufferBytes: bytes,
    arenaBytes: bytes,
    slabs: [bytes],
    workgroupBytes: 0,
    workgroupInvocations: 1,
    float16: false,
    float64: false,
    subgroups: false,
  };
  return {
    ...bindOperations(cpu, operations, () => cpu.check()),
    name: "cpu",
    capabilities,
    layout: cpuLayout,
    memory: cpu.arena,
    push: (scope) => cpu.arena.push(scope),
    pop: (scope) => cpu.arena.pop(scope),
    alloc: (kind, name, length) => cpu.alloc(kind, name, length),
    free: (buffer) => cpu.arena.free(buffer.block),
    upload(buffer, values, at = 0) {
      cpu.check();
      cpu.words(buffer, at, values.length).set(values);
    },
    async download(buffer, at = 0, length) {
      cpu.check();
      const values = cpu.words(buffer, at, length).slice();
      await cpu.rest();
      return values;
    },
    async clear(buffer) {
      cpu.check();
      cpu.words(buffer).fill(0);
    },
    async copy(from, to) {
      cpu.check();
      cpu.words(to).set(cpu.words(from));
    },
    makeFft: (shape, batch) => makeCpuFft(cpu, shape, batch),
    async finish() {
      cpu.check();
      await cpu.rest();
    },
    close: () => cpu.close(),
  };
}
