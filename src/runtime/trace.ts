import { FormatError } from "../errors.js";
import { type Arena, isPowerOfTwo, type Scope, scopes, type TraceEvent } from "./arena.js";

/** A recorded run of an arena, as `cryotile` writes it with `--trace`. */
export interface MemoryTrace {
  readonly format: "cryotile-memory-trace";
  readonly version: 1;
  /** Bytes of the arena, where it had a limit. */
  readonly capacity?: number;
  readonly alignment: number;
  readonly events: readonly TraceEvent[];
}

/** Collects the events of an arena: `new Arena({ slabs, onEvent: recorder.onEvent })`, and `recorder.trace(arena)` at the end. */
export class TraceRecorder {
  private readonly events: TraceEvent[] = [];

  readonly onEvent = (event: TraceEvent): void => {
    this.events.push(event);
  };

  /** What happened so far. The list of events is not copied. */
  trace(arena: Pick<Arena, "capacity" | "alignment">): MemoryTrace {
    const { capacity, alignment } = arena;
    return { format: "cryotile-memory-trace", version: 1, capacity, alignment, events: this.events };
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;

/**
 * Read a trace from its JSON text; `file` names it in errors. Throws `FormatError` where the text is not a trace or the events
 * break the order of lifetimes, so that what comes back can be replayed.
 */
export function parseTrace(text: string, file: string): MemoryTrace {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(file, `not JSON (${(error as Error).message.replace(/\s+/g, " ")})`);
  }
  return checkTrace(value, file);
}

function refuse(file: string, problem: string): never {
  throw new FormatError({ file }, problem, "a trace is the JSON file that --trace writes");
}

/** The same for a value that was JSON. */
export function checkTrace(value: unknown, file: string): MemoryTrace {
  const fail = (problem: string): never => refuse(file, problem);
  const trace = value as Partial<MemoryTrace> | null;
  if (trace?.format !== "cryotile-memory-trace") return fail(`"format" is not "cryotile-memory-trace"`);
  if (trace.version !== 1) return fail(`version ${trace.version} found, 1 expected`);
  if (!isSize(trace.alignment) || !isPowerOfTwo(trace.alignment))
    return fail(`"alignment" is ${JSON.stringify(trace.alignment)}, not a power of two`);
  if (trace.capacity !== undefined && !isSize(trace.capacity))
    return fail(`"capacity" is ${JSON.stringify(trace.capacity)}, not a positive whole number of bytes`);
  if (!Array.isArray(trace.events)) return fail(`"events" is not a list`);
  trace.events.forEach((event: Partial<TraceEvent> | null, index) => {
    const ok =
      event !== null &&
      typeof event === "object" &&
      ["push", "pop", "alloc", "free"].includes(event.kind as string) &&
      scopes.includes(event.scope as Scope) &&
      typeof event.name === "string" &&
      [event.bytes, event.top, event.id].every((n) => Number.isSafeInteger(n) && (n as number) >= 0) &&
      Number.isFinite(event.time);
    if (!ok) fail(`event ${index} is not {time, kind, scope, name, bytes, top, id}`);
  });
  const fault = orderFault(trace.events);
  if (fault !== undefined)
    return fail(`event ${fault.index} (${trace.events[fault.index].kind}) ${fault.problem}`);
  return trace as MemoryTrace;
}

/** The first event that no arena can have told, or undefined. */
function orderFault(events: readonly TraceEvent[]): { index: number; problem: string } | undefined {
  const open: { scope: Scope; blocks: Set<number> }[] = [{ scope: "global", blocks: new Set() }];
  const used = new Set<number>();
  for (const [index, event] of events.entries()) {
    const { kind, scope, id } = event;
    const innermost = open[open.length - 1];
    if (kind === "push") {
      if (scopes.indexOf(scope) <= scopes.indexOf(innermost.scope))
        return { index, problem: `opens ${scope} inside ${innermost.scope}` };
      open.push({ scope, blocks: new Set() });
      continue;
    }
    if (scope !== innermost.scope)
      return { index, problem: `is in ${scope} while ${innermost.scope} is the innermost scope` };
    if (kind === "pop") {
      if (open.length === 1) return { index, problem: "closes the global scope" };
      open.pop();
    } else if (kind === "alloc") {
      if (event.bytes < 1) return { index, problem: "asks for 0 bytes" };
      if (used.has(id)) return { index, problem: `uses the id ${id} again` };
      used.add(id);
      innermost.blocks.add(id);
    } else if (!innermost.blocks.delete(id))
      return { index, problem: `releases block ${id}, which is not held` };
  }
  return undefined;
}

/**
 * The trace in Chrome's trace event format, which Perfetto and chrome://tracing open: one counter track with the top
 * pointer, one row of spans for each scope, with a span for every block.
 */
export function toChromeTrace(trace: MemoryTrace): { traceEvents: Record<string, unknown>[] } {
  const out: Record<string, unknown>[] = [];
  const micro = (ms: number) => Math.round(ms * 1000);
  const threadOf = (scope: Scope) => scopes.indexOf(scope) + 1;
  for (const scope of scopes)
    out.push({ ph: "M", name: "thread_name", pid: 1, tid: threadOf(scope), args: { name: scope } });
  const open = new Map<number, TraceEvent>();
  const close = (event: TraceEvent, time: number) => {
    open.delete(event.id);
    out.push({
      ph: "e",
      cat: event.scope,
      name: event.name,
      id: event.id,
      pid: 1,
      tid: threadOf(event.scope),
      ts: micro(time),
    });
  };
  for (const event of trace.events) {
    const ts = micro(event.time);
    const tid = threadOf(event.scope);
    if (event.kind === "push") out.push({ ph: "B", name: event.scope, pid: 1, tid, ts });
    if (event.kind === "alloc") {
      open.set(event.id, event);
      out.push({
        ph: "b",
        cat: event.scope,
        name: event.name,
        id: event.id,
        pid: 1,
        tid,
        ts,
        args: { bytes: event.bytes },
      });
    }
    if (event.kind === "free") {
      const begun = open.get(event.id);
      if (begun !== undefined) close(begun, event.time);
    }
    if (event.kind === "pop") {
      for (const begun of [...open.values()]) if (begun.scope === event.scope) close(begun, event.time);
      out.push({ ph: "E", name: event.scope, pid: 1, tid, ts });
    }
    out.push({ ph: "C", name: "top", pid: 1, ts, args: { bytes: event.top } });
  }
  return { traceEvents: out };
}
