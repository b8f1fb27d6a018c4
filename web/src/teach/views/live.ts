import { useEffect, useState } from "preact/hooks";
import type { MemoryTrace } from "../../../../src/runtime/trace.js";
import { running } from "../../job/running.js";
import { askArena, ServerError } from "../../monitor/source.js";

/** A run as it was when it was asked. */
export interface LiveRun {
  readonly name: string;
  /** What its arena did lately, and how many events before that were left out; absent before it took memory. */
  readonly trace?: MemoryTrace;
  readonly left: number;
  /** Peak of the plan of the iteration under way, bytes. */
  readonly planned?: number | undefined;
  readonly iteration?: number | undefined;
  /** Since when its events are kept; absent where they are from its beginning on. */
  readonly seconds?: number;
}

/** What is known of a run that is asked again and again. */
export interface Watching {
  /** The last answer; undefined where there is no run, or not any more. */
  readonly run?: LiveRun | undefined;
  /** The last answer that told a trace. */
  readonly last?: LiveRun & { readonly trace: MemoryTrace };
  /** Why there is no answer: the server has gone, the run is at work and did not find the time, or another reason, in words. */
  readonly fault?: "gone" | "busy" | Error;
}

export type LiveSource = "tab" | "watched";

async function askTab(): Promise<LiveRun | undefined> {
  const run = running.peek();
  if (run === undefined) return undefined;
  const told = await run.trace().catch(() => undefined);
  return withTrace({ name: run.name, left: told?.left ?? 0, planned: run.planned() }, told?.trace);
}

async function askWatched(): Promise<LiveRun | undefined> {
  const told = await askArena();
  if (told === undefined) return undefined;
  const { trace, job, ...rest } = told;
  return withTrace({ name: job, ...rest }, trace);
}

const withTrace = (run: LiveRun, trace: MemoryTrace | undefined): LiveRun =>
  trace === undefined || trace.events.length === 0 ? run : { ...run, trace };

const questions: Readonly<Record<LiveSource, () => Promise<LiveRun | undefined>>> = {
  tab: askTab,
  watched: askWatched,
};

function faultOf(error: Error): NonNullable<Watching["fault"]> {
  if (!(error instanceof ServerError)) return error;
  return error.status === undefined ? "gone" : error.status === 503 ? "busy" : error;
}

/** How often a run is asked for its trace, ms. */
const interval = 1000;

/** Ask a run while the page is seen; undefined until it has answered, and where no source is given. */
export function useWatching(source: LiveSource | undefined): Watching | undefined {
  const [told, setTold] = useState<{ readonly source: LiveSource; readonly watching: Watching }>();
  useEffect(() => {
    if (source === undefined) return;
    let here = true;
    let timer: ReturnType<typeof setTimeout>;
    let last: Watching["last"];
    const look = async () => {
      if (document.visibilityState === "visible") {
        const answer: Watching = await questions[source]().then(
          (run) => ({ run }),
          (error: Error) => ({ fault: faultOf(error) }),
        );
        if (!here) return;
        const { run } = answer;
        if (run?.trace !== undefined) last = { ...run, trace: run.trace };
        setTold({ source, watching: { ...answer, ...(last === undefined ? {} : { last }) } });
      }
      timer = setTimeout(look, interval);
    };
    look();
    return () => {
      here = false;
      clearTimeout(timer);
      setTold(undefined);
    };
  }, [source]);
  return told?.source === source ? told?.watching : undefined;
}
