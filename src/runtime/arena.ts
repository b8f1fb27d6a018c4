import { UserError } from "../errors.js";

/** The four lifetimes, outermost first. What is allocated last is released first. */
export const scopes = ["global", "iteration", "job", "orientation"] as const;
export type Scope = (typeof scopes)[number];

/** A piece of a slab. `bytes` is what was asked for; the next block starts at the next multiple of the alignment. */
export interface ArenaBlock {
  readonly id: number;
  readonly scope: Scope;
  readonly name: string;
  readonly bytes: number;
  /** Which slab, and the byte offset in it. */
  readonly slab: number;
  readonly offset: number;
}

/** One change of the arena. `top` is the number of bytes below the top pointer after it, over all slabs. */
export interface TraceEvent {
  /** Milliseconds since the arena was made. */
  readonly time: number;
  readonly kind: "push" | "pop" | "alloc" | "free";
  readonly scope: Scope;
  readonly name: string;
  /** Bytes asked for (alloc, free); bytes given back by the end of the scope (pop); 0 for push. */
  readonly bytes: number;
  readonly top: number;
  /** The block, for alloc and free; 0 otherwise. */
  readonly id: number;
}

export interface ArenaOptions {
  /** Bytes of each slab: one slab where the device binds any range, several where a binding is limited. */
  readonly slabs: readonly number[];
  /** Every block starts at a multiple of this (a power of two). 256 suits WebGPU bindings and CUDA. */
  readonly alignment?: number;
  readonly onEvent?: (event: TraceEvent) => void;
}

/** A request that does not fit: says who holds what and the smallest change with which it would. */
export class ArenaFullError extends UserError {
  override readonly name = "ArenaFullError";
  constructor(
    readonly request: { scope: Scope; name: string; bytes: number },
    /** Bytes that were missing in the slab with the most room. */
    readonly missing: number,
    readonly held: readonly Pick<ArenaBlock, "scope" | "name" | "bytes">[],
    capacity: number,
  ) {
    const largest = [...held].sort((a, b) => b.bytes - a.bytes).slice(0, 8);
    super(
      `memory: ${request.name} (${request.scope}) asked for ${request.bytes} bytes and ${missing} are missing of a budget of ` +
        `${capacity}. Held: ${largest.map((b) => `${b.name} (${b.scope}) ${b.bytes}`).join(", ") || "nothing"}` +
        `${held.length > largest.length ? ` and ${held.length - largest.length} smaller blocks` : ""}. ` +
        `It fits with ${missing} bytes more, or when ${request.name} needs at most ${Math.max(0, request.bytes - missing)}`,
    );
  }
}

interface LiveBlock extends ArenaBlock {
  released: boolean;
  /** The top pointer to return to once this block is the topmost one and released. */
  readonly below: { slab: number; offset: number };
}

interface Frame {
  readonly scope: Scope;
  readonly blocks: LiveBlock[];
}

/**
 * The buffer stack of Zhang et al. 2018 (LNCS 10847, section 3): one arena per device with four nested lifetimes and a
 * top pointer. It hands out places, it does not own memory: a runtime backs each slab with one device allocation.
 *
 * Inside the innermost scope blocks may be released in any order; the top pointer sinks as soon as everything above a
 * released block is released too. Releasing a block of an outer scope is a fault of the program and throws.
 */
export class Arena {
  readonly alignment: number;
  /** Total bytes of all slabs. */
  readonly capacity: number;
  private readonly slabs: readonly number[];
  private readonly starts: readonly number[];
  private readonly onEvent: ((event: TraceEvent) => void) | undefined;
  private readonly frames: Frame[] = [{ scope: "global", blocks: [] }];
  private readonly begun = performance.now();
  private cursor = { slab: 0, offset: 0 };
  private nextId = 1;
  private highest = 0;

  constructor(options: ArenaOptions) {
    this.alignment = options.alignment ?? 256;
    if (!Number.isSafeInteger(this.alignment) || this.alignment < 1 || !isPowerOfTwo(this.alignment))
      throw new RangeError(`arena: alignment ${this.alignment} is not a power of two`);
    for (const bytes of options.slabs) checkSize("slab", bytes);
    this.slabs = options.slabs;
    let total = 0;
    this.starts = options.slabs.map((bytes) => {
      const start = total;
      total += bytes;
      return start;
    });
    this.capacity = total;
    this.onEvent = options.onEvent;
  }

  /** Bytes below the top pointer. */
  get top(): number {
    return (this.starts[this.cursor.slab] ?? 0) + this.cursor.offset;
  }

  /** The highest top so far. */
  get peak(): number {
    return this.highest;
  }

  /** The innermost open scope. */
  get scope(): Scope {
    return this.frame.scope;
  }

  /** Blocks that are held, bottom first. */
  get held(): readonly ArenaBlock[] {
    return this.frames.flatMap((frame) => frame.blocks.filter((block) => !block.released));
  }

  /** What would bring an empty arena with the same slabs to where this one is, with the tops on the way there: a trace may begin with it. */
  state(): TraceEvent[] {
    const events: TraceEvent[] = [];
    const time = performance.now() - this.begun;
    let top = 0;
    for (const { scope, blocks } of this.frames) {
      if (scope !== "global") events.push({ time, kind: "push", scope, name: scope, bytes: 0, top, id: 0 });
      for (const { name, bytes, id, slab, offset } of blocks) {
        top = (this.starts[slab] ?? 0) + offset + alignUp(bytes, this.alignment);
        events.push({ time, kind: "alloc", scope, name, bytes, top, id });
      }
      // Blocks that were released and lie under others: their room comes back with the scope.
      for (const { name, bytes, id, released } of blocks)
        if (released) events.push({ time, kind: "free", scope, name, bytes, top, id });
    }
    return events;
  }

  /** Open a scope inside the present one. Throws where the order of lifetimes would be broken. */
  push(scope: Scope): void {
    if (scopes.indexOf(scope) <= scopes.indexOf(this.scope))
      throw new Error(`arena: scope ${scope} cannot open inside ${this.scope}`);
    this.frames.push({ scope, blocks: [] });
    this.emit("push", scope, scope, 0, 0);
  }

  /** Close the innermost scope, which must be `scope`, and release all that it holds. */
  pop(scope: Scope): void {
    if (this.frames.length === 1 || this.scope !== scope)
      throw new Error(`arena: scope ${scope} closed out of order: ${this.scope} is the innermost one`);
    const { blocks } = this.frames.pop() as Frame;
    const bytes = blocks.reduce((sum, block) => sum + (block.released ? 0 : block.bytes), 0);
    for (const block of blocks) block.released = true;
    if (blocks[0] !== undefined) this.cursor = blocks[0].below;
    this.emit("pop", scope, scope, bytes, 0);
  }

  /** Run `body` inside a scope that is closed however it ends. */
  async within<T>(scope: Scope, body: () => T | Promise<T>): Promise<T> {
    this.push(scope);
    try {
      return await body();
    } finally {
      this.pop(scope);
    }
  }

  /** A block of `bytes` in the innermost scope. Throws `ArenaFullError` where no slab has room above the top. */
  alloc(name: string, bytes: number): ArenaBlock {
    checkSize(name, bytes);
    const padded = alignUp(bytes, this.alignment);
    const below = this.cursor;
    let place: { slab: number; offset: number } | undefined;
    let mostRoom = 0;
    for (let slab = below.slab; slab < this.slabs.length; slab++) {
      const offset = slab === below.slab ? below.offset : 0;
      const room = (this.slabs[slab] as number) - offset;
      mostRoom = Math.max(mostRoom, room);
      if (padded <= room) {
        place = { slab, offset };
        break;
      }
    }
    if (place === undefined)
      throw new ArenaFullError(
        { scope: this.scope, name, bytes },
        padded - mostRoom,
        this.held,
        this.capacity,
      );
    const block: LiveBlock = {
      id: this.nextId++,
      scope: this.scope,
      name,
      bytes,
      ...place,
      released: false,
      below,
    };
    this.frame.blocks.push(block);
    this.cursor = { slab: place.slab, offset: place.offset + padded };
    this.highest = Math.max(this.highest, this.top);
    this.emit("alloc", this.scope, name, bytes, block.id);
    return block;
  }

  /** Release a block of the innermost scope before the scope ends. */
  free(block: ArenaBlock): void {
    const { blocks, scope } = this.frame;
    const live = blocks.find((candidate) => candidate === block);
    if (live === undefined || live.released)
      throw new Error(
        `arena: ${block.name} (${block.scope}) ${live?.released || !this.held.includes(block) ? "is not held" : `released while ${scope} is the innermost scope`}`,
      );
    live.released = true;
    while (blocks.at(-1)?.released) this.cursor = (blocks.pop() as LiveBlock).below;
    this.emit("free", scope, block.name, block.bytes, block.id);
  }

  private get frame(): Frame {
    return this.frames[this.frames.length - 1] as Frame;
  }

  private emit(kind: TraceEvent["kind"], scope: Scope, name: string, bytes: number, id: number): void {
    this.onEvent?.({ time: performance.now() - this.begun, kind, scope, name, bytes, top: this.top, id });
  }
}

/** Whether a positive integer is a power of two; exact for all safe integers. */
export const isPowerOfTwo = (n: number): boolean => 2 ** Math.round(Math.log2(n)) === n;

/** The next multiple of `alignment`, exact for all safe integers. */
export function alignUp(bytes: number, alignment: number): number {
  const over = bytes % alignment;
  return over === 0 ? bytes : bytes + (alignment - over);
}

function checkSize(name: string, bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new RangeError(`arena: ${name}: a size must be a positive integer of bytes, not ${bytes}`);
}
