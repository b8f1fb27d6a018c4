import { Arena, type ArenaBlock, ArenaFullError, alignUp, type TraceEvent } from "./arena.js";
import type { MemoryTrace } from "./trace.js";

/** What a policy made of a trace. All numbers are bytes. */
export interface ReplayResult {
  readonly policy: "stack" | "first-fit";
  /** Highest address in use. */
  readonly peak: number;
  /** Most bytes free below the highest address in use, at any time (0: no fragmentation). */
  readonly mostFragmented: number;
  /** The first request that did not fit; the replay ends there. */
  readonly failure?: {
    readonly event: number;
    readonly name: string;
    readonly asked: number;
    readonly largestFree: number;
    readonly totalFree: number;
  };
}

interface Hole {
  offset: number;
  bytes: number;
}

/**
 * A first-fit free list with merging of neighbours: the policy of RELION's GPU allocator, which also passes over holes that fit exactly
 * (`takesExact` false).
 */
export class FreeList {
  private readonly holes: Hole[];
  private inUse = 0;

  constructor(
    readonly capacity: number,
    readonly alignment: number,
    private readonly takesExact = true,
  ) {
    this.holes = [{ offset: 0, bytes: capacity }];
  }

  get totalFree(): number {
    return this.capacity - this.inUse;
  }

  get largestFree(): number {
    return this.holes.reduce((most, hole) => Math.max(most, hole.bytes), 0);
  }

  /** End of the highest block in use. */
  get extent(): number {
    const last = this.holes.at(-1);
    return last !== undefined && last.offset + last.bytes === this.capacity ? last.offset : this.capacity;
  }

  /** Offset of a block, or undefined where no hole is large enough. */
  alloc(bytes: number): number | undefined {
    const padded = alignUp(bytes, this.alignment);
    const least = this.takesExact ? padded : padded + 1;
    const index = this.holes.findIndex((hole) => hole.bytes >= least);
    const hole = this.holes[index];
    if (hole === undefined) return undefined;
    const { offset } = hole;
    hole.offset += padded;
    hole.bytes -= padded;
    if (hole.bytes === 0) this.holes.splice(index, 1);
    this.inUse += padded;
    return offset;
  }

  free(offset: number, bytes: number): void {
    const padded = alignUp(bytes, this.alignment);
    this.inUse -= padded;
    const found = this.holes.findIndex((hole) => hole.offset > offset);
    const index = found < 0 ? this.holes.length : found;
    this.holes.splice(index, 0, { offset, bytes: padded });
    this.mergeWithNext(index);
    if (index > 0) this.mergeWithNext(index - 1);
  }

  private mergeWithNext(index: number): void {
    const hole = this.holes[index];
    const next = this.holes[index + 1];
    if (hole === undefined || next === undefined || hole.offset + hole.bytes !== next.offset) return;
    hole.bytes += next.bytes;
    this.holes.splice(index + 1, 1);
  }
}

/** Blocks by their trace id, and which of them each open scope holds. */
class LiveBlocks<T> {
  private readonly byId = new Map<number, { event: TraceEvent; value: T }>();

  add(event: TraceEvent, value: T): void {
    this.byId.set(event.id, { event, value });
  }

  take(id: number): { event: TraceEvent; value: T } | undefined {
    const found = this.byId.get(id);
    this.byId.delete(id);
    return found;
  }

  takeScope(scope: TraceEvent["scope"]): { event: TraceEvent; value: T }[] {
    const found = [...this.byId.values()].filter(({ event }) => event.scope === scope);
    for (const { event } of found) this.byId.delete(event.id);
    return found;
  }
}

/** Run the requests of a trace through a first-fit free list of `capacity` bytes. */
export function replayFirstFit(trace: MemoryTrace, capacity: number): ReplayResult {
  const list = new FreeList(capacity, trace.alignment);
  const live = new LiveBlocks<number>();
  let peak = 0;
  let mostFragmented = 0;
  for (const [index, event] of trace.events.entries()) {
    if (event.kind === "alloc") {
      const offset = list.alloc(event.bytes);
      if (offset === undefined) {
        const { largestFree, totalFree } = list;
        const failure = { event: index, name: event.name, asked: event.bytes, largestFree, totalFree };
        return { policy: "first-fit", peak, mostFragmented, failure };
      }
      live.add(event, offset);
    } else if (event.kind !== "push") {
      const released = event.kind === "free" ? [live.take(event.id)] : live.takeScope(event.scope);
      for (const block of released) if (block !== undefined) list.free(block.value, block.event.bytes);
    }
    peak = Math.max(peak, list.extent);
    mostFragmented = Math.max(mostFragmented, list.totalFree - (capacity - list.extent));
  }
  return { policy: "first-fit", peak, mostFragmented };
}

/** Run the requests of a trace through the buffer stack with `capacity` bytes. */
export function replayStack(trace: MemoryTrace, capacity: number): ReplayResult {
  const arena = new Arena({ slabs: [capacity], alignment: trace.alignment });
  const live = new LiveBlocks<ArenaBlock>();
  let inUse = 0;
  let mostFragmented = 0;
  for (const [index, event] of trace.events.entries()) {
    if (event.kind === "push") arena.push(event.scope);
    else if (event.kind === "pop") {
      arena.pop(event.scope);
      for (const { event: begun } of live.takeScope(event.scope))
        inUse -= alignUp(begun.bytes, trace.alignment);
    } else if (event.kind === "free") {
      const block = live.take(event.id);
      if (block !== undefined) {
        arena.free(block.value);
        inUse -= alignUp(block.event.bytes, trace.alignment);
      }
    } else {
      try {
        live.add(event, arena.alloc(event.name, event.bytes));
        inUse += alignUp(event.bytes, trace.alignment);
      } catch (error) {
        if (!(error instanceof ArenaFullError)) throw error;
        const failure = {
          event: index,
          name: event.name,
          asked: event.bytes,
          largestFree: capacity - arena.top,
          totalFree: capacity - inUse,
        };
        return { policy: "stack", peak: arena.peak, mostFragmented, failure };
      }
    }
    mostFragmented = Math.max(mostFragmented, arena.top - inUse);
  }
  return { policy: "stack", peak: arena.peak, mostFragmented };
}
