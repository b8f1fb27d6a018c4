import { describe, expect, test } from "vitest";
import { Arena, type TraceEvent } from "../../src/runtime/arena.js";
import { replayFirstFit, replayStack } from "../../src/runtime/replay.js";
import { type MemoryTrace, parseTrace, toChromeTrace } from "../../src/runtime/trace.js";

function traceOf(program: (arena: Arena) => void, alignment = 512): MemoryTrace {
  const events: TraceEvent[] = [];
  program(new Arena({ slabs: [2 ** 40], alignment, onEvent: (event) => events.push(event) }));
  return { format: "cryotile-memory-trace", version: 1, alignment, events };
}

describe("replay", () => {
  // The numbers of a crash that a RELION user published (github.com/3dem/relion issue 226): 44,135,424 bytes asked with
  // 39,136,768 free in total and no hole above 29,665,280.
  const asked = 44_135_424;
  const largest = 29_665_280;
  const total = 39_136_768;
  const wall = 1024 * 512;
  const published = traceOf((arena) => {
    const first = arena.alloc("scattered", total - largest);
    arena.alloc("wall", wall);
    arena.free(first);
    arena.push("job");
    arena.alloc("request", asked);
    arena.pop("job");
  });

  test("first fit reproduces the published failure", () => {
    const result = replayFirstFit(published, total + wall);
    expect(result.failure).toEqual({
      event: 4,
      name: "request",
      asked,
      largestFree: largest,
      totalFree: total,
    });
  });

  test("first fit fragments where the stack does not", () => {
    const trace = traceOf((arena) => {
      for (let i = 0; i < 4; i++) {
        arena.push("job");
        arena.alloc(`images ${i}`, 512 * (4 + i));
        arena.pop("job");
      }
    });
    for (const result of [replayFirstFit(trace, 512 * 7), replayStack(trace, 512 * 7)]) {
      expect(result.failure).toBeUndefined();
      expect(result.peak).toBe(512 * 7);
      expect(result.mostFragmented).toBe(0);
    }
    expect(replayStack(trace, 512 * 6).failure).toMatchObject({ name: "images 3", largestFree: 512 * 6 });
  });

  test("first fit merges neighbours on both sides", () => {
    const trace = traceOf((arena) => {
      arena.push("job");
      const blocks = ["a", "b", "c"].map((name) => arena.alloc(name, 512));
      for (const index of [0, 2, 1]) arena.free(blocks[index] as (typeof blocks)[0]);
      arena.alloc("whole", 512 * 3);
    });
    expect(replayFirstFit(trace, 512 * 3).failure).toBeUndefined();
  });
});

describe("trace", () => {
  const trace = traceOf((arena) => {
    arena.push("iteration");
    arena.alloc("slices", 1000);
    arena.pop("iteration");
  });

  test("survives JSON", () => {
    expect(parseTrace(JSON.stringify(trace), "t.json")).toEqual(trace);
  });

  test("in Chrome's format every span that opens closes, and the counter follows the top", () => {
    const { traceEvents } = toChromeTrace(trace);
    const count = (ph: string) => traceEvents.filter((event) => event.ph === ph).length;
    expect([count("B"), count("E"), count("b"), count("e")]).toEqual([1, 1, 1, 1]);
    expect(traceEvents.filter((e) => e.ph === "C").map((e) => (e.args as { bytes: number }).bytes)).toEqual([
      0, 1024, 0,
    ]);
  });

  test.each([
    ["{", /not JSON/],
    ["null", /"format"/],
    ['{"format":"cryotile-memory-trace","version":2}', /version 2/],
    ['{"format":"cryotile-memory-trace","version":1,"alignment":1,"events":[{"kind":"alloc"}]}', /event 0/],
  ])("%s is refused", (text, message) => {
    expect(() => parseTrace(text, "t.json")).toThrow(message);
  });
});
