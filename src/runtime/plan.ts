import { Arena, type Scope, scopes, type TraceEvent } from "./arena.js";
import type { Runtime, RuntimeLayout } from "./contract.js";
import { UnsupportedError } from "./errors.js";

/** The memory that a job takes. All numbers are bytes. */
export interface MemoryPlan {
  /** Highest top of the arena, alignment included. */
  readonly peak: number;
  /** Most that the buffers of each scope hold at one time, as asked for. */
  readonly byScope: Readonly<Record<Scope, number>>;
  /** Every buffer once, in the order of its first allocation, with its largest size. */
  readonly buffers: readonly { readonly scope: Scope; readonly name: string; readonly bytes: number }[];
  /** The largest buffer: the device must bind it in one piece. */
  readonly largest: number;
}

export interface PlanOptions {
  /** Sizes of the device's slabs, where a buffer may not cross from one to the next. Default: one piece without end. */
  readonly slabs?: readonly number[];
  /** Most bytes of one buffer on the device. Default: no limit. */
  readonly maxBufferBytes?: number;
}

/**
 * The memory of a job, exact to the byte and without a device: `job` runs on a runtime that allocates as the real one does and computes
 * nothing. Its downloads are zeros, so a job must allocate by its capacities and not by what it reads.
 */
export async function planMemory(
  layout: RuntimeLayout,
  job: (runtime: Runtime) => Promise<unknown>,
  { slabs = [Number.MAX_SAFE_INTEGER], maxBufferBytes = Number.MAX_SAFE_INTEGER }: PlanOptions = {},
): Promise<MemoryPlan> {
  const events: TraceEvent[] = [];
  const arena = new Arena({ slabs, alignment: layout.alignment, onEvent: (event) => events.push(event) });
  await job(planningRuntime(layout, arena, maxBufferBytes));
  return { ...summariseTrace(events), peak: arena.peak };
}

/** What a trace held: see `MemoryPlan`. */
export function summariseTrace(events: readonly TraceEvent[]): Omit<MemoryPlan, "peak"> {
  const buffers = new Map<string, { scope: Scope; name: string; bytes: number }>();
  const held = new Map<number, TraceEvent>();
  const now: Record<Scope, number> = { global: 0, iteration: 0, job: 0, orientation: 0 };
  const byScope = { ...now };
  for (const event of events) {
    const { kind, scope, name, bytes, id } = event;
    if (kind === "alloc") {
      held.set(id, event);
      now[scope] += bytes;
      byScope[scope] = Math.max(byScope[scope], now[scope]);
      const known = buffers.get(`${scope} ${name}`);
      buffers.set(`${scope} ${name}`, { scope, name, bytes: Math.max(bytes, known?.bytes ?? 0) });
    } else if (kind === "free") {
      held.delete(id);
      now[scope] -= bytes;
    } else if (kind === "pop") now[scope] = 0;
  }
  const all = [...buffers.values()];
  return { buffers: all, byScope, largest: all.reduce((most, { bytes }) => Math.max(most, bytes), 0) };
}

/** A plan as lines for a terminal. */
export function formatPlan(plan: MemoryPlan): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = scopes.map((scope) => `${scope.padEnd(12)} ${mib(plan.byScope[scope])}`);
  return [...lines, `${"peak".padEnd(12)} ${mib(plan.peak)} (${plan.peak} bytes)`].join("\n");
}

function planningRuntime(layout: RuntimeLayout, arena: Arena, maxBufferBytes: number): Runtime {
  const alloc: Runtime["alloc"] = (kind, name, length) => ({
    kind,
    name,
    length,
    block: arena.alloc(name, length * layout.elementBytes[kind]),
  });
  const members: Partial<Runtime> = {
    name: "reference",
    layout,
    capabilities: {
      device: "plan",
      software: true,
      maxBufferBytes,
      arenaBytes: arena.capacity,
      slabs: [arena.capacity],
      workgroupBytes: 0,
      workgroupInvocations: 1,
      float16: false,
      float64: false,
      subgroups: false,
    },
    memory: arena,
    push: (scope) => arena.push(scope),
    pop: (scope) => arena.pop(scope),
    alloc,
    free: (buffer) => arena.free(buffer.block),
    upload() {},
    async download(
      { kind, length: elements },
      at = 0,
      length = (kind === "complex" ? 2 : 1) * elements - at,
    ) {
      return kind === "index" ? new Uint32Array(length) : new Float64Array(length);
    },
    makeFft: (shape, batch) => ({
      shape,
      batch,
      buffers: layout.fftBuffers(shape, batch).map(({ kind, name, length }) => alloc(kind, name, length)),
    }),
  };
  // Every other member computes or waits: nothing to do.
  return new Proxy(members as Runtime, {
    get: (target, name) => {
      if (name in target) return Reflect.get(target, name);
      if (name === "then") return undefined;
      if (typeof name !== "string") throw new UnsupportedError("a plan has no such member");
      return async () => {};
    },
  });
}
