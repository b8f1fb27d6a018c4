import fc from "fast-check";
import { expect, test } from "vitest";
import { Arena } from "../../src/runtime/arena.js";
import { LiveTraceRecorder } from "../../src/runtime/live-trace.js";
import { replayStack } from "../../src/runtime/replay.js";
import { parseTrace } from "../../src/runtime/trace.js";
import { heldAfter, layOut } from "../../web/src/teach/model/memory.js";
import { runProgram, scopeProgram } from "../support/programs.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);

const stateOf = ({ top, held }: Arena) => ({
  top,
  held: held.map(({ name, offset }) => [name, offset] as const),
});

/** Numbers below `below` from a seed. */
function numbers(from: number) {
  let value = from >>> 0;
  return (below: number) => {
    value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
    return Math.floor((value / 2 ** 32) * below);
  };
}

test(`a short trace of a long run can be replayed at any time, with the blocks and the top of the run (seed ${seed})`, () => {
  const draw = numbers(seed);
  const most = 300;
  const recorder = new LiveTraceRecorder(most);
  let told = 0;
  const arena = new Arena({
    slabs: [2 ** 40],
    alignment: 256,
    onEvent: (event) => {
      told++;
      recorder.onEvent(event);
    },
  });
  let longest = 0;
  const look = () => {
    const { trace, left } = recorder.snapshot({ capacity: 2 ** 40, alignment: 256 });
    expect(trace.events.length + left).toBe(told);
    longest = Math.max(longest, trace.events.length);
    const layout = layOut(parseTrace(JSON.stringify(trace), "live"));
    expect(layout.tops[trace.events.length - 1] ?? 0).toBe(arena.top);
    const held = heldAfter(layout, trace.events.length - 1).map(({ name, offset }) => [name, offset]);
    expect(held).toEqual(arena.held.map(({ name, offset }) => [name, offset]));
  };
  const blocks = (count: number) => {
    const own = Array.from({ length: count }, () => arena.alloc(`block ${draw(1000)}`, 1 + draw(5000)));
    for (const block of own) if (draw(4) === 0) arena.free(block);
  };
  blocks(2);
  for (let iteration = 0; iteration < 6; iteration++) {
    arena.push("iteration");
    blocks(5);
    for (let job = draw(60); job >= 0; job--) {
      arena.push("job");
      blocks(1 + draw(8));
      if (draw(2) === 0) {
        arena.push("orientation");
        blocks(draw(5));
        if (draw(5) === 0) look();
        arena.pop("orientation");
      }
      arena.pop("job");
      if (draw(5) === 0) look();
    }
    arena.pop("iteration");
    look();
  }
  expect(told).toBeGreaterThan(2 * most);
  // What is open cannot be left out, and the scope that ended last is kept.
  expect(longest).toBeLessThan(2 * most);
});

test(`a trace that begins in the middle of a run has the tops, the blocks and the places of the run at every event (seed ${seed})`, () => {
  fc.assert(
    fc.property(scopeProgram, fc.nat(119), (program, start) => {
      const recorder = new LiveTraceRecorder();
      let recording = false;
      const states: { readonly top: number; readonly held: readonly (readonly [string, number])[] }[] = [];
      const arena: Arena = new Arena({
        slabs: [2 ** 40],
        alignment: 256,
        onEvent: (event) => {
          if (recording) recorder.onEvent(event);
          if (recording) states.push(stateOf(arena));
        },
      });
      let steps = 0;
      let begun = 0;
      runProgram(arena, program, () => {
        if (steps++ !== start) return;
        for (const event of arena.state()) recorder.onEvent(event);
        recording = true;
        begun = recorder.snapshot({ capacity: 2 ** 40, alignment: 256 }).trace.events.length;
        states.push(stateOf(arena));
      });
      if (!recording) return;
      const { trace } = recorder.snapshot({ capacity: 2 ** 40, alignment: 256 });
      const read = parseTrace(JSON.stringify(trace), "live");
      const layout = layOut(read);
      expect([...layout.tops]).toEqual(trace.events.map(({ top }) => top));
      for (const [n, { top, held }] of states.entries()) {
        const at = begun - 1 + n;
        expect(at < 0 ? 0 : layout.tops[at]).toBe(top);
        expect(at < 0 ? [] : heldAfter(layout, at).map(({ name, offset }) => [name, offset])).toEqual(held);
      }
      expect(states.length).toBe(trace.events.length - begun + 1);
      expect(replayStack(read, 2 ** 40).peak).toBe(layout.peak);
    }),
    { seed, numRuns: 500 },
  );
});

test("recording costs less than a hundredth of what a batch takes at its quickest", () => {
  const recorder = new LiveTraceRecorder();
  const made = { time: 0, name: "block", bytes: 256, top: 256, id: 1 } as const;
  const [push, alloc, pop] = (["push", "alloc", "pop"] as const).map((kind) => ({
    ...made,
    kind,
    scope: "job" as const,
  }));
  recorder.onEvent({ ...push, scope: "iteration" });
  const batch = () => {
    recorder.onEvent(push);
    for (let block = 0; block < 60; block++) recorder.onEvent(alloc);
    recorder.onEvent(pop);
  };
  const times = Array.from({ length: 200 }, () => {
    const begun = performance.now();
    for (let n = 0; n < 100; n++) batch();
    return (performance.now() - begun) / 100;
  });
  // Milliseconds; a batch takes ten at the least: its read-backs alone do, in a browser. The median, as other programs run here too.
  expect(times.sort((a, b) => a - b)[100]).toBeLessThan(0.1);
});
