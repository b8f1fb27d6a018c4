import type { TraceEvent } from "../arena.js";
import type { Fft, Runtime, RuntimeLayout } from "../contract.js";
import { bindOperations } from "../operations.js";
import { expectationOperations } from "./expectation.js";
import { imageOperations } from "./images.js";
import { maximisationOperations } from "./maximisation.js";
import { HostMemory, referenceBytes } from "./memory.js";
import { projectionOperations } from "./projection.js";
import { weightOperations } from "./weights.js";

/** Sizes on the float64 runtime; its transforms keep nothing. */
export const referenceLayout: RuntimeLayout = {
  elementBytes: referenceBytes,
  alignment: 256,
  screens: false,
  holdsImages: false,
  fftBuffers: () => [],
};

/** Options of the float64 runtime. */
export interface ReferenceOptions {
  /** Bytes that its buffers may take together. Default 4 GiB. */
  readonly bytes?: number;
  readonly onEvent?: (event: TraceEvent) => void;
}

/** The runtime that defines what every operation means: float64, plain loops, no GPU. */
export function openReference({ bytes = 2 ** 32, onEvent }: ReferenceOptions = {}): Runtime {
  const memory = new HostMemory(bytes, onEvent);
  const { arena } = memory;
  const operations = bindOperations(
    memory,
    {
      ...imageOperations,
      ...projectionOperations,
      ...expectationOperations,
      ...weightOperations,
      ...maximisationOperations,
    },
    () => {},
  );
  return {
    ...operations,
    name: "reference",
    capabilities: {
      device: "float64 in JavaScript",
      software: true,
      maxBufferBytes: bytes,
      arenaBytes: bytes,
      slabs: [bytes],
      workgroupBytes: 0,
      workgroupInvocations: 1,
      float16: false,
      float64: true,
      subgroups: false,
    },
    layout: referenceLayout,
    memory: arena,
    push: (scope) => arena.push(scope),
    pop: (scope) => memory.pop(scope),
    alloc: (kind, name, length) => memory.alloc(kind, name, length),
    free: (buffer) => memory.free(buffer),
    upload(buffer, values, at = 0) {
      memory.array(buffer).set(values, at);
    },
    async download(buffer, at = 0, length) {
      const array = memory.array(buffer);
      return array.slice(at, length === undefined ? array.length : at + length);
    },
    async clear(buffer) {
      memory.array(buffer).fill(0);
    },
    async copy(from, to) {
      memory.array(to).set(memory.array(from));
    },
    makeFft: (shape, batch): Fft => ({ shape, batch, buffers: [] }),
    async finish() {},
    async close() {},
  };
}
