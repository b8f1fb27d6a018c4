import {
  Arena,
  type ArenaBlock,
  ArenaFullError,
  alignUp,
  type Scope,
  type TraceEvent,
} from "../../../../src/runtime/arena.js";
import { FreeList } from "../../../../src/runtime/replay.js";
import { type MemoryTrace, TraceRecorder } from "../../../../src/runtime/trace.js";

export type Policy = "stack" | "first-fit";

/** A block in the memory of a policy. Bytes; `padded` with what alignment adds. */
export interface PlacedBlock {
  readonly id: number;
  readonly name: string;
  readonly scope: Scope;
  readonly offset: number;
  readonly bytes: number;
  readonly padded: number;
}

/** A block of a trace with its place in the stack and the events between which it is held. */
export interface BlockLife extends PlacedBlock {
  /** The event that takes it, and the first one after which it is not held any more. */
  readonly from: number;
  readonly to: number;
}

export interface TraceLayout {
  readonly trace: MemoryTrace;
  readonly blocks: readonly BlockLife[];
  /** Bytes below the top pointer after each event. */
  readonly tops: Float64Array;
  readonly peak: number;
}

/** Where the stack puts every block of a trace: its requests go through a production arena without a limit. */
export function layOut(trace: MemoryTrace): TraceLayout {
  const arena = new Arena({ slabs: [2 ** 50], alignment: trace.alignment });
  const live = new Map<number, { block: ArenaBlock; event: TraceEvent; from: number }>();
  const blocks: BlockLife[] = [];
  const tops = new Float64Array(trace.events.length);
  const end = (id: number, to: number) => {
    const found = live.get(id);
    if (found === undefined) return;
    live.delete(id);
    const { block, event, from } = found;
    const { offset, bytes } = block;
    const padded = alignUp(bytes, trace.alignment);
    blocks.push({ id, name: event.name, scope: event.scope, offset, bytes, padded, from, to });
  };
  for (const [index, event] of trace.events.entries()) {
    if (event.kind === "push") arena.push(event.scope);
    else if (event.kind === "alloc")
      live.set(event.id, { block: arena.alloc(event.name, event.bytes), event, from: index });
    else if (event.kind === "free") {
      const found = live.get(event.id);
      if (found !== undefined) arena.free(found.block);
      end(event.id, index);
    } else {
      arena.pop(event.scope);
      for (const [id, { event: begun }] of live) if (begun.scope === event.scope) end(id, index);
    }
    tops[index] = arena.top;
  }
  for (const id of [...live.keys()]) end(id, trace.events.length);
  return { trace, blocks: blocks.sort((a, b) => a.id - b.id), tops, peak: arena.peak };
}

/** Blocks that are held after an event, bottom first. */
export const heldAfter = ({ blocks }: TraceLayout, event: number): BlockLife[] =>
  blocks.filter(({ from, to }) => from <= event && event < to).sort((a, b) => a.offset - b.offset);

/** The memory of a policy after some events of a trace. */
export interface Snapshot {
  readonly held: readonly PlacedBlock[];
  readonly totalFree: number;
  readonly largestFree: number;
  /** Set where a request did not fit: nothing after it was tried. */
  readonly failure?: { readonly event: number; readonly name: string; readonly asked: number };
}

/** Run the events up to and with `last` through a policy in a memory of `capacity` bytes. */
export function replayTo(trace: MemoryTrace, capacity: number, policy: Policy, last: number): Snapshot {
  const memory = policy === "stack" ? stackMemory(trace, capacity) : listMemory(trace, capacity);
  const held = new Map<number, PlacedBlock>();
  const release = (id: number) => {
    const block = held.get(id);
    if (block === undefined) return;
    held.delete(id);
    memory.free(block);
  };
  for (const [index, event] of trace.events.slice(0, last + 1).entries()) {
    const { kind, id, name, scope, bytes } = event;
    if (kind === "push") memory.push(scope);
    else if (kind === "alloc") {
      const offset = memory.alloc(event);
      if (offset === undefined)
        return { held: sorted(held), ...memory.room(held), failure: { event: index, name, asked: bytes } };
      held.set(id, { id, name, scope, offset, bytes, padded: alignUp(bytes, trace.alignment) });
    } else if (kind === "free") release(id);
    else {
      const inScope = [...held.values()].filter((block) => block.scope === scope);
      memory.pop(scope);
      for (const block of inScope) release(block.id);
    }
  }
  return { held: sorted(held), ...memory.room(held) };
}

const sorted = (held: Map<number, PlacedBlock>) => [...held.values()].sort((a, b) => a.offset - b.offset);

interface PolicyMemory {
  push(scope: Scope): void;
  pop(scope: Scope): void;
  alloc(event: TraceEvent): number | undefined;
  free(block: PlacedBlock): void;
  room(held: Map<number, PlacedBlock>): { totalFree: number; largestFree: number };
}

/** As RELION does it: holes that fit exactly are passed over. */
function listMemory(trace: MemoryTrace, capacity: number): PolicyMemory {
  const list = new FreeList(capacity, trace.alignment, false);
  return {
    push() {},
    pop() {},
    alloc: ({ bytes }) => list.alloc(bytes),
    free: ({ offset, bytes }) => list.free(offset, bytes),
    room: () => ({ totalFree: list.totalFree, largestFree: list.largestFree }),
  };
}

function stackMemory(trace: MemoryTrace, capacity: number): PolicyMemory {
  const arena = new Arena({ slabs: [capacity], alignment: trace.alignment });
  const blocks = new Map<number, ArenaBlock>();
  return {
    push: (scope) => arena.push(scope),
    pop(scope) {
      arena.pop(scope);
      for (const [id, block] of blocks) if (block.scope === scope) blocks.delete(id);
    },
    alloc({ id, name, bytes }) {
      try {
        const block = arena.alloc(name, bytes);
        blocks.set(id, block);
        return block.offset;
      } catch (error) {
        if (error instanceof ArenaFullError) return undefined;
        throw error;
      }
    },
    free({ id }) {
      const block = blocks.get(id);
      if (block !== undefined) arena.free(block);
    },
    room(held) {
      const inUse = [...held.values()].reduce((sum, { padded }) => sum + padded, 0);
      return { totalFree: capacity - inUse, largestFree: capacity - arena.top };
    },
  };
}

const MB = 1e6;

/** A trace of what a program does with an arena without a limit. */
export function record(program: (arena: Arena) => void, alignment = 512): MemoryTrace {
  const recorder = new TraceRecorder();
  const arena = new Arena({ slabs: [2 ** 40], alignment, onEvent: recorder.onEvent });
  program(arena);
  const { capacity: _, ...trace } = recorder.trace(arena);
  return { ...trace, events: trace.events.map((event, time) => ({ ...event, time })) };
}

/** Five iterations whose images grow: the workspace of an iteration, then its map, which lives until the next map is made. */
const growth = [20, 24, 28, 32, 36];
const workspace = (size: number) => size * MB;
const mapBytes = (size: number) => (2 * size * MB) / 5;

/** The memory of both programs below. */
export const programCapacity = 72 * MB;

/** Every buffer when it is needed, with no thought of lifetimes. */
export const mixedLifetimes = (): MemoryTrace =>
  record((arena) => {
    let old: ArenaBlock | undefined;
    for (const [n, size] of growth.entries()) {
      const work = arena.alloc(`workspace ${n + 1}`, workspace(size));
      const map = arena.alloc(`map ${n + 1}`, mapBytes(size));
      arena.free(work);
      if (old !== undefined) arena.free(old);
      old = map;
    }
  });

/** The same work with its lifetimes told: two maps for the whole run, at the size that the last iteration needs. */
export const nestedLifetimes = (): MemoryTrace =>
  record((arena) => {
    const largest = mapBytes(growth[growth.length - 1]);
    for (const which of ["old", "new"]) arena.alloc(`${which} map`, largest);
    for (const [n, size] of growth.entries()) {
      arena.push("iteration");
      arena.alloc(`workspace ${n + 1}`, workspace(size));
      arena.pop("iteration");
    }
  });
