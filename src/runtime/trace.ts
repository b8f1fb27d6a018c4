import { FormatError } from "../errors.js";
import { type Scope, scopes, type TraceEvent } from "./arena.js";

/** A recorded run of an arena, as `cryotile` writes it with `--trace`. */
export interface MemoryTrace {
  readonly format: "cryotile-memory-trace";
  readonly version: 1;
  /** Bytes of the arena, where it had a limit. */
  readonly capacity?: number;
  readonly alignment: number;
  readonly events: readonly TraceEvent[];
}

/** Read a trace from its JSON text; `file` names it in errors. */
export function parseTrace(text: string, file: string): MemoryTrace {
  const fail = (problem: string): never => {
    throw new FormatError({ file }, problem, "a trace is the JSON file that --trace writes");
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(`not JSON (${(error as Error).message})`);
  }
  const trace = value as Partial<MemoryTrace> | null;
  if (trace?.format !== "cryotile-memory-trace") return fail(`"format" is not "cryotile-memory-trace"`);
  if (trace.version !== 1) return fail(`version ${trace.version} found, 1 expected`);
  if (!Number.isSafeInteger(trace.alignment)) return fail(`"alignment" is not an integer`);
  if (trace.capacity !== undefined && !Number.isSafeInteger(trace.capacity))
    return fail(`"capacity" is not an integer`);
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
  return trace as MemoryTrace;
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
