import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arena } from "../../src/runtime/arena.js";
import { replayFirstFit, replayStack } from "../../src/runtime/replay.js";
import { parseTrace, TraceRecorder, toChromeTrace } from "../../src/runtime/trace.js";
import { runProgram, scopeProgram } from "../support/programs.js";
import { asked, largest, publishedFailure, total, traceOf, wall } from "../support/traces.js";

describe("replay", () => {
  test("first fit reproduces the published failure", () => {
    const { failure, mostFragmented } = replayFirstFit(publishedFailure, total + wall);
    expect(failure).toEqual({ event: 4, name: "request", asked, largestFree: largest, totalFree: total });
    expect(mostFragmented).toBe(total - largest);
  });

  test("with as much memory as the request needs beyond its holes first fit goes on", () => {
    const enough = total + wall + asked - largest;
    expect(replayFirstFit(publishedFailure, enough).failure).toBeUndefined();
    expect(replayFirstFit(publishedFailure, enough - 1).failure?.largestFree).toBe(asked - 1);
  });

  test("the sample trace is this failure", () => {
    const file = resolve(import.meta.dirname, "../golden/memory/published-failure.json");
    const { events, ...rest } = parseTrace(readFileSync(file, "utf8"), file);
    expect(rest).toEqual({
      format: "cryotile-memory-trace",
      version: 1,
      capacity: total + wall,
      alignment: 512,
    });
    expect(events.map((event) => ({ ...event, time: 0 }))).toEqual(
      publishedFailure.events.map((event) => ({ ...event, time: 0 })),
    );
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

describe("both policies", () => {
  // In an order that an arena accepts, all blocks that the stack holds end at or below its top. By induction first fit holds each
  // at or below its place in the stack, so what is above the stack's top is one hole, and first fit never goes higher.
  test("first fit never needs more than the stack on the trace of an arena", () => {
    fc.assert(
      fc.property(scopeProgram, (program) => {
        const trace = traceOf((arena) => runProgram(arena, program, () => {}), 64);
        const [list, stack] = [replayFirstFit(trace, 1e6), replayStack(trace, 1e6)];
        expect(list.peak).toBeLessThanOrEqual(stack.peak);
        const capacity = Math.max(1, stack.peak);
        expect(replayStack(trace, capacity).failure).toBeUndefined();
        expect(replayFirstFit(trace, capacity).failure).toBeUndefined();
      }),
    );
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
    ['{"format":"cryotile-memory-trace","version":1,"alignment":48,"events":[]}', /"alignment" is 48/],
    ['{"format":"cryotile-memory-trace","version":1,"alignment":0,"events":[]}', /"alignment" is 0/],
    ['{"format":"cryotile-memory-trace","version":1,"alignment":1,"capacity":-1,"events":[]}', /"capacity"/],
  ])("%s is refused", (text, message) => {
    expect(() => parseTrace(text, "t.json")).toThrow(message);
  });

  type Event = [kind: "push" | "pop" | "alloc" | "free", scope: "global" | "iteration" | "job", id?: number];
  const program = (...steps: Event[]) =>
    JSON.stringify({
      ...trace,
      events: steps.map(([kind, scope, id = 0]) => {
        const bytes = kind === "alloc" && id !== 9 ? 256 : 0;
        return { time: 0, kind, scope, name: "a", bytes, top: 0, id };
      }),
    });

  test.each<[string, Event[], RegExp]>([
    [
      "a scope opened twice",
      [
        ["push", "job"],
        ["push", "job"],
      ],
      /event 1 \(push\) opens job inside job/,
    ],
    [
      "scopes in the wrong order",
      [
        ["push", "job"],
        ["push", "iteration"],
      ],
      /event 1 .*opens iteration inside job/,
    ],
    ["the global scope closed", [["pop", "global"]], /event 0 \(pop\) closes the global scope/],
    [
      "another scope closed",
      [
        ["push", "job"],
        ["pop", "iteration"],
      ],
      /event 1 .*is in iteration while job/,
    ],
    ["a block of a scope that is not open", [["alloc", "job", 1]], /event 0 .*is in job while global/],
    ["a block of no bytes", [["alloc", "global", 9]], /event 0 .*asks for 0 bytes/],
    [
      "an id used again",
      [
        ["alloc", "global", 1],
        ["alloc", "global", 1],
      ],
      /event 1 .*id 1 again/,
    ],
    [
      "a block released twice",
      [
        ["alloc", "global", 1],
        ["free", "global", 1],
        ["free", "global", 1],
      ],
      /event 2 \(free\) releases block 1/,
    ],
    [
      "an outer block released",
      [
        ["alloc", "global", 1],
        ["push", "job"],
        ["free", "job", 1],
      ],
      /event 2 .*block 1, which is not held/,
    ],
  ])("%s is refused", (_, steps, message) => {
    expect(() => parseTrace(program(...steps), "t.json")).toThrow(message);
  });

  test("a run that was cut off inside a scope is a sound trace", () => {
    const cut = program(["push", "iteration"], ["alloc", "iteration", 1], ["push", "job"]);
    expect(parseTrace(cut, "t.json").events.length).toBe(3);
  });

  test("what an arena tells its recorder can be read and replayed to the same peak", () => {
    const recorder = new TraceRecorder();
    const arena = new Arena({ slabs: [4096], alignment: 64, onEvent: recorder.onEvent });
    arena.push("iteration");
    arena.free(arena.alloc("first", 100));
    arena.alloc("second", 1000);
    arena.pop("iteration");
    const read = parseTrace(JSON.stringify(recorder.trace(arena)), "t.json");
    expect([read.capacity, read.alignment]).toEqual([4096, 64]);
    expect(replayStack(read, 4096).peak).toBe(1024);
    expect(arena.peak).toBe(1024);
  });
});
