import fc from "fast-check";
import { type Arena, type ArenaBlock, ArenaFullError, type Scope, scopes } from "../../src/runtime/arena.js";

export type Step =
  | { kind: "push" }
  | { kind: "pop" }
  | { kind: "alloc"; bytes: number }
  | { kind: "free"; which: number };

/** Random steps; `runProgram` skips those that the order of lifetimes forbids. */
export const scopeProgram: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.constant<Step>({ kind: "push" }),
    fc.constant<Step>({ kind: "pop" }),
    fc.record({ kind: fc.constant("alloc" as const), bytes: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({ kind: fc.constant("free" as const), which: fc.nat(20) }),
  ),
  { maxLength: 120 },
);

/** Run a program, skipping steps that the order of lifetimes forbids; `check` sees the live blocks after each step. */
export function runProgram(arena: Arena, program: Step[], check: (live: ArenaBlock[]) => void): void {
  const frames: ArenaBlock[][] = [[]];
  for (const step of program) {
    const frame = frames.at(-1) as ArenaBlock[];
    if (step.kind === "push" && frames.length < scopes.length) {
      arena.push(scopes[frames.length] as Scope);
      frames.push([]);
    } else if (step.kind === "pop" && frames.length > 1) {
      arena.pop(scopes[frames.length - 1] as Scope);
      frames.pop();
    } else if (step.kind === "alloc") {
      try {
        frame.push(arena.alloc("block", step.bytes));
      } catch (error) {
        if (!(error instanceof ArenaFullError)) throw error;
      }
    } else if (step.kind === "free" && frame.length > 0) {
      arena.free(frame.splice(step.which % frame.length, 1)[0] as ArenaBlock);
    }
    check(frames.flat());
  }
  while (frames.length > 1) {
    frames.pop();
    arena.pop(scopes[frames.length] as Scope);
  }
  for (const block of (frames[0] as ArenaBlock[]).reverse()) arena.free(block);
}
