import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arena, type ArenaBlock, ArenaFullError, alignUp, type TraceEvent } from "../../src/runtime/arena.js";
import { runProgram, scopeProgram } from "../support/programs.js";

describe("arena", () => {
  test("random scope programs never overlap, never leave a slab, never leak", () => {
    fc.assert(
      fc.property(
        scopeProgram,
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 4 }),
        (program, slabs) => {
          const arena = new Arena({ slabs, alignment: 256 });
          runProgram(arena, program, (live) => {
            for (const [index, a] of live.entries()) {
              expect(a.offset % 256).toBe(0);
              expect(a.offset + a.bytes).toBeLessThanOrEqual(slabs[a.slab] as number);
              for (const b of live.slice(index + 1))
                expect(
                  a.slab !== b.slab || a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset,
                ).toBe(true);
            }
            const used = live.reduce((sum, block) => sum + alignUp(block.bytes, 256), 0);
            expect(arena.top).toBeGreaterThanOrEqual(used);
            expect(arena.held.length).toBe(live.length);
          });
          expect(arena.top).toBe(0);
          expect(arena.held).toEqual([]);
        },
      ),
    );
  });

  test("the trace tells the top after every change and its highest value is the peak", () => {
    fc.assert(
      fc.property(scopeProgram, (program) => {
        const events: TraceEvent[] = [];
        const arena = new Arena({ slabs: [1e6], onEvent: (event) => events.push(event) });
        runProgram(arena, program, () => {
          if (events.length > 0) expect(events.at(-1)?.top).toBe(arena.top);
        });
        expect(events.reduce((most, event) => Math.max(most, event.top), 0)).toBe(arena.peak);
      }),
    );
  });

  test("the events of a state bring another arena with the same slabs to it, block for block", () => {
    fc.assert(
      fc.property(
        scopeProgram,
        fc.array(fc.integer({ min: 5000, max: 20_000 }), { minLength: 1, maxLength: 4 }),
        (program, slabs) => {
          const arena = new Arena({ slabs, alignment: 256 });
          runProgram(arena, program, () => {
            const other = new Arena({ slabs, alignment: 256 });
            const blocks = new Map<number, ArenaBlock>();
            for (const { kind, scope, name, bytes, id, top } of arena.state()) {
              if (kind === "push") other.push(scope);
              else if (kind === "alloc") blocks.set(id, other.alloc(name, bytes));
              else other.free(blocks.get(id) as ArenaBlock);
              expect(other.top).toBe(top);
            }
            const places = ({ held }: Arena) => held.map(({ id: _, ...place }) => place);
            expect([other.top, other.scope, places(other)]).toEqual([arena.top, arena.scope, places(arena)]);
          });
        },
      ),
    );
  });

  test("places are exact for all sizes and alignments", () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2 ** 31, max: 2 ** 46 }));
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 33 }),
        (sizes, power) => {
          const arena = new Arena({ slabs: [2 ** 52], alignment: 2 ** power });
          const unit = 1n << BigInt(power);
          let end = 0n;
          const blocks = sizes.map((bytes, n) => {
            const block = arena.alloc(`block ${n}`, bytes);
            expect(BigInt(block.offset)).toBe(end);
            end = ((end + BigInt(bytes) + unit - 1n) / unit) * unit;
            expect(BigInt(arena.top)).toBe(end);
            return block;
          });
          expect(BigInt(arena.peak)).toBe(end);
          for (const block of blocks) arena.free(block);
          expect(arena.top).toBe(0);
        },
      ),
    );
  });

  test("sizes are exact beyond 2^32", () => {
    const arena = new Arena({ slabs: [2 ** 43], alignment: 256 });
    const bytes = 2 ** 40 + 1;
    arena.alloc("first", bytes);
    expect(arena.alloc("second", 1).offset).toBe(2 ** 40 + 256);
    expect(arena.top).toBe(2 ** 40 + 512);
  });

  test("a released block under a held one sinks the top only once the upper one goes", () => {
    const arena = new Arena({ slabs: [4096] });
    const lower = arena.alloc("lower", 256);
    const upper = arena.alloc("upper", 256);
    arena.free(lower);
    expect(arena.top).toBe(512);
    arena.free(upper);
    expect(arena.top).toBe(0);
  });

  test("releasing across scopes, twice, or closing the wrong scope throws", () => {
    const arena = new Arena({ slabs: [4096] });
    const global = arena.alloc("reference", 100);
    arena.push("iteration");
    expect(() => arena.free(global)).toThrow(
      /reference \(global\) released while iteration is the innermost/,
    );
    expect(() => arena.pop("global")).toThrow(/out of order/);
    expect(() => arena.push("iteration")).toThrow(/cannot open inside iteration/);
    const block = arena.alloc("slices", 100);
    const other = new Arena({ slabs: [4096] });
    other.alloc("unrelated", 1);
    const twin = other.alloc("twin", 1);
    expect(twin.id).toBe(block.id);
    expect(() => arena.free(twin)).toThrow(/twin \(global\) is not held/);
    arena.free(block);
    expect(() => arena.free(block)).toThrow(/not held/);
    arena.push("orientation");
    expect(() => arena.push("job")).toThrow(/cannot open inside orientation/);
  });

  test("a request that does not fit says who holds what and the smallest change", () => {
    const arena = new Arena({ slabs: [1024] });
    arena.alloc("reference", 512);
    arena.push("job");
    let error: unknown;
    try {
      arena.alloc("weights", 768);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ArenaFullError);
    expect((error as ArenaFullError).missing).toBe(256);
    expect((error as Error).message).toContain("reference (global) 512");
    expect(new Arena({ slabs: [1024 + 256] }).alloc("all", 512 + 768).bytes).toBe(1280);
  });

  test("a block that does not fit a slab goes to the next one and the top returns", () => {
    const arena = new Arena({ slabs: [512, 1024] });
    arena.alloc("a", 256);
    const b = arena.alloc("b", 512);
    expect([b.slab, b.offset, arena.top]).toEqual([1, 0, 1024]);
    arena.free(b);
    expect(arena.top).toBe(256);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])("a size of %s is refused", (bytes) => {
    expect(() => new Arena({ slabs: [1024] }).alloc("bad", bytes)).toThrow(RangeError);
  });
});
