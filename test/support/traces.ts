import { Arena } from "../../src/runtime/arena.js";
import { type MemoryTrace, TraceRecorder } from "../../src/runtime/trace.js";

/** The trace of a program on an arena without a limit to speak of. */
export function traceOf(program: (arena: Arena) => void, alignment = 512): MemoryTrace {
  const recorder = new TraceRecorder();
  const arena = new Arena({ slabs: [2 ** 40], alignment, onEvent: recorder.onEvent });
  program(arena);
  const { capacity: _, ...trace } = recorder.trace(arena);
  return trace;
}

// The numbers of a crash that a RELION user published (github.com/3dem/relion issue 226): bytes asked, bytes of the
// largest hole, bytes free in all. `wall` is the block between the holes; its size is not published.
export const asked = 44_135_424;
export const largest = 29_665_280;
export const total = 39_136_768;
export const wall = 1024 * 512;

/** The smallest program that leaves these holes in a memory of `total + wall` bytes and then makes the request. */
export const publishedFailure = traceOf((arena) => {
  const first = arena.alloc("scattered", total - largest);
  arena.alloc("wall", wall);
  arena.free(first);
  arena.push("job");
  arena.alloc("request", asked);
  arena.pop("job");
});
