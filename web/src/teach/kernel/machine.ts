import { Arena } from "../../../../src/runtime/arena.js";
import type { BufferKind, DeviceBuffer, Runtime } from "../../../../src/runtime/contract.js";
import { UnsupportedError } from "../../../../src/runtime/errors.js";
import { expectationOperations } from "../../../../src/runtime/gpu/expectation.js";
import type { Launcher } from "../../../../src/runtime/gpu/launch.js";
import { bindOperations } from "../../../../src/runtime/operations.js";
import { webGpuLayout } from "../../../../src/runtime/webgpu/index.js";
import { loadKernel, type ShaderLoader } from "../../../../src/runtime/webgpu/shader.js";
import { type CompiledKernel, compileKernel, type KernelMemory } from "./compile.js";
import { type Value, words, zero } from "./values.js";

/** Elements that a launch read and wrote, as its text says: the caches of a device are not part of it. */
export interface LaunchCount {
  readonly kernel: string;
  readonly groups: number;
  /** By buffer: elements read and written, and bytes of an element. */
  readonly buffers: Readonly<Record<string, { reads: number; writes: number; bytes: number }>>;
  readonly sharedReads: number;
  readonly sharedWrites: number;
}

/** One access of one lane. `part` counts the barriers that the workgroup has passed. */
export interface Access {
  readonly kernel: string;
  readonly group: number;
  readonly lane: number;
  readonly part: number;
  readonly kind: "read" | "write";
  readonly space: "global" | "shared";
  readonly array: string;
  readonly index: number;
}

export interface MachineOptions {
  readonly loadShader: ShaderLoader;
  readonly onAccess?: (access: Access) => void;
  /** Another text for a kernel, with its chunks in it. */
  readonly edit?: (kernel: string, code: string) => string;
  readonly bytes?: number;
}

export interface CountingRuntime extends Runtime {
  readonly counts: readonly LaunchCount[];
}

/** Read an index of a piece of memory, or say where it missed. */
function checked(index: number, length: number, kernel: string, array: string): number {
  if (index >= 0 && index < length) return index;
  throw new RangeError(`${kernel} asks for ${array}[${index}], and ${array} has ${length} elements`);
}

/**
 * The coarse pass of the webgpu runtime, its own launches and its own kernels, run lane by lane in JavaScript in float64 while every read and
 * write is counted. Offers `imageConstants`, `diff2Coarse` and `crossCorrelation`.
 */
export function openCounting(options: MachineOptions): CountingRuntime {
  const { bytes = 2 ** 26, loadShader, edit = (_, code) => code } = options;
  const arena = new Arena({ slabs: [bytes], alignment: webGpuLayout.alignment });
  const memory = new Float64Array(bytes / 4).fill(Number.NaN);
  const counts: LaunchCount[] = [];
  const kernels = new Map<string, Promise<{ kernel: CompiledKernel; buffers: readonly string[] }>>();

  const open = async (name: string) => {
    const source = await loadKernel(name, loadShader);
    return { kernel: compileKernel(edit(name, source.code)), buffers: source.buffers };
  };

  // Workgroups of kernels with one invocation an item.
  const lanes = 64;
  const launcher: Launcher = {
    elementBytes: webGpuLayout.elementBytes,
    async run(name, { over, params, buffers }) {
      let opening = kernels.get(name);
      if (opening === undefined) {
        opening = open(name);
        kernels.set(name, opening);
      }
      const { kernel } = await opening;
      const groups = "groups" in over ? over.groups : Math.ceil(over.items / lanes);
      counts.push(runLaunch(name, kernel, groups, params, buffers, memory, options.onAccess));
    },
  };

  const slot = (buffer: DeviceBuffer) => buffer.block.offset / 4;
  const length = (buffer: DeviceBuffer) => buffer.block.bytes / 4;
  const members: Partial<CountingRuntime> = {
    ...bindOperations(launcher, expectationOperations as Parameters<typeof bindOperations>[1], () => {}),
    name: "webgpu",
    layout: webGpuLayout,
    memory: arena,
    counts,
    push: (scope) => arena.push(scope),
    pop: (scope) => arena.pop(scope),
    alloc: (kind: BufferKind, name, elements) => ({
      kind,
      name,
      length: elements,
      block: arena.alloc(name, elements * webGpuLayout.elementBytes[kind]),
    }),
    free: (buffer) => arena.free(buffer.block),
    upload: (buffer, values, at = 0) => memory.set(values, slot(buffer) + at),
    async download(buffer, at = 0, count = length(buffer) - at) {
      const values = memory.slice(slot(buffer) + at, slot(buffer) + at + count);
      return buffer.kind === "index" ? Uint32Array.from(values) : values;
    },
    async clear(buffer) {
      memory.fill(0, slot(buffer), slot(buffer) + length(buffer));
    },
    async finish() {},
    async close() {},
  };
  return new Proxy(members as CountingRuntime, {
    get(target, name) {
      if (name in target || name === "then") return Reflect.get(target, name);
      throw new UnsupportedError(`the counting runtime has no ${String(name)}`);
    },
  });
}

function runLaunch(
  name: string,
  kernel: CompiledKernel,
  groups: number,
  params: Readonly<Record<string, number>>,
  buffers: Readonly<Record<string, DeviceBuffer | undefined>>,
  memory: Float64Array,
  onAccess: ((access: Access) => void) | undefined,
): LaunchCount {
  const storage = kernel.storage.map(({ name: array, element }) => {
    const buffer = buffers[array];
    const size = words(element);
    const [base, length] =
      buffer === undefined ? [0, 0] : [buffer.block.offset / 4, buffer.block.bytes / 4 / size];
    return { array, base, size, length, reads: 0, writes: 0 };
  });
  let sharedReads = 0;
  let sharedWrites = 0;
  let group = 0;
  let part = 0;
  let shared: Value[][] = [];
  const tell = (lane: number, kind: Access["kind"], space: Access["space"], array: string, index: number) =>
    onAccess?.({ kernel: name, group, lane, part, kind, space, array, index });
  const access: KernelMemory = {
    load(at, index, lane) {
      const own = storage[at];
      own.reads++;
      tell(lane, "read", "global", own.array, index);
      const from = own.base + checked(index, own.length, name, own.array) * own.size;
      return own.size === 1 ? memory[from] : Array.from(memory.subarray(from, from + own.size));
    },
    store(at, index, value, lane) {
      const own = storage[at];
      own.writes++;
      tell(lane, "write", "global", own.array, index);
      const to = own.base + checked(index, own.length, name, own.array) * own.size;
      if (typeof value === "number") memory[to] = value;
      else memory.set(value as number[], to);
    },
    loadShared(at, index, lane) {
      sharedReads++;
      tell(lane, "read", "shared", kernel.shared[at].name, index);
      return shared[at][checked(index, shared[at].length, name, kernel.shared[at].name)];
    },
    storeShared(at, index, value, lane) {
      sharedWrites++;
      tell(lane, "write", "shared", kernel.shared[at].name, index);
      shared[at][checked(index, shared[at].length, name, kernel.shared[at].name)] = value;
    },
  };
  const all = { ...params, first_group: 0, end_group: groups };
  for (group = 0; group < groups; group++) {
    part = 0;
    shared = kernel.shared.map(({ element, length }) => Array.from({ length }, () => zero(element)));
    const id = [group % 32768, Math.floor(group / 32768), 0];
    let waiting = Array.from({ length: kernel.workgroupSize }, (_, lane) =>
      kernel.lane(access, all, id, lane),
    );
    while (waiting.length > 0) {
      waiting = waiting.filter((lane) => !lane.next().done);
      part++;
    }
  }
  const entries = storage.map(({ array, reads, writes, size }) => [
    array,
    { reads, writes, bytes: 4 * size },
  ]);
  return { kernel: name, groups, buffers: Object.fromEntries(entries), sharedReads, sharedWrites };
}
