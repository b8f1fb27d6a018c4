import { useMemo, useState } from "preact/hooks";
import { parseTrace, toChromeTrace } from "../../../../src/runtime/trace.js";
import { token } from "../../monitor/source.js";
import { formatHash } from "../../shell/route.js";
import { Measure, Notice } from "../../shell/ui.js";
import { download } from "../download.js";
import { heldAfter, layOut, type TraceLayout } from "../model/memory.js";
import { Choice, Slider, type ViewProps } from "../parts.js";
import { fill, number, words } from "../text.js";
import recorded from "../traces/refinement.json?raw";
import { Column } from "./column.js";
import { type LiveRun, type LiveSource, useWatching, type Watching } from "./live.js";
import { eventText, Legend, ScopePatterns } from "./scopes.js";
import { Timeline } from "./timeline.js";

/** A trace that can be drawn. */
interface Drawn {
  readonly name: string;
  readonly layout: TraceLayout;
  /** Peak that was planned, bytes. */
  readonly planned?: number | undefined;
}

const refinement = {
  layout: layOut(parseTrace(recorded, "refinement.json")),
  planned: (JSON.parse(recorded) as { planned: number }).planned,
};

type Source = "recorded" | LiveSource | "file";

const isLive = (source: Source): source is LiveSource => source === "tab" || source === "watched";

/** How the run stands that is asked. */
function State({
  source,
  watching: { run, last },
}: {
  readonly source: LiveSource;
  readonly watching: Watching;
}) {
  const texts = words.memory.live;
  if (run !== undefined) return fill(run.trace === undefined ? texts.empty : texts.run, { name: run.name });
  const text = last === undefined ? texts[source].none : texts[source].ended;
  if (source === "watched") return text;
  return (
    <>
      {text} <a href={formatHash("refine")}>{texts.tab.start}</a>
      {texts.tab.then}
    </>
  );
}

/** What is to be known of the trace of a run that goes on: this changes with every answer, and is not read aloud each time. */
function details({ iteration, seconds, left }: LiveRun): string {
  const texts = words.memory.live;
  return [
    iteration === undefined ? "" : fill(texts.iteration, { iteration }),
    seconds === undefined ? "" : fill(texts.since, { seconds: Math.round(seconds) }),
    left > 0 ? fill(texts.sample, { count: left }) : "",
  ].join(" ");
}

function Live({
  source,
  watching,
}: {
  readonly source: LiveSource;
  readonly watching: Watching | undefined;
}) {
  const fault = watching?.fault;
  if (fault !== undefined)
    return (
      <Notice kind="problem">
        {fault instanceof Error ? fault.message : words.memory.live.watched[fault]}
      </Notice>
    );
  return (
    <>
      <p class="small quiet" role="status">
        {watching === undefined ? words.memory.live.asking : <State source={source} watching={watching} />}
      </p>
      {watching?.run?.trace !== undefined && <p class="small quiet">{details(watching.run)}</p>}
    </>
  );
}

export function StackView({ state, update }: ViewProps) {
  const [loaded, setLoaded] = useState<Drawn>();
  // What a file holds is not part of an address.
  const [fromFile, setFromFile] = useState(false);
  const source: Source = fromFile
    ? "file"
    : token === null && state.trace === "watched"
      ? "recorded"
      : state.trace;
  // The head follows a live trace until somebody moves it.
  const [follows, setFollows] = useState(true);
  const [fault, setFault] = useState<string>();
  const [pointed, setPointed] = useState<number>();
  const { memory } = words;
  const watching = useWatching(isLive(source) ? source : undefined);
  const last = watching?.last;
  const live = useMemo(() => last && { ...last, layout: layOut(last.trace) }, [last]);
  const chosen = isLive(source) ? live : source === "file" ? loaded : undefined;
  const drawn: Drawn = chosen ?? { ...refinement, name: memory.sources.recorded };
  const { layout, planned, name } = drawn;
  const { trace, tops, peak } = layout;
  const count = trace.events.length;
  const goesOn = chosen !== undefined && chosen === live;
  const event =
    goesOn && follows ? count - 1 : state.event < 0 ? tops.indexOf(peak) : Math.min(state.event, count - 1);
  // A run that has just begun is drawn at the height that it will come to.
  const height = Math.max(peak, goesOn ? (planned ?? 0) : 0);
  const held = heldAfter(layout, event);
  const own = held.find(({ id }) => id === pointed);
  const move = (to: number) => {
    setFollows(to === count - 1);
    update({ event: to });
  };
  const open = async (file: File | undefined) => {
    if (file === undefined) return;
    try {
      setLoaded({ name: file.name, layout: layOut(parseTrace(await file.text(), file.name)) });
      setFromFile(true);
      setFault(undefined);
      update({ event: -1 });
    } catch (error) {
      setFault((error as Error).message);
    }
  };
  return (
    <div class="teach-stack">
      <ScopePatterns />
      <Choice<Source>
        name={memory.trace}
        options={[
          { value: "recorded", label: memory.sources.recorded },
          { value: "tab", label: memory.sources.tab },
          ...(token === null ? [] : [{ value: "watched" as const, label: memory.sources.watched }]),
          ...(loaded === undefined ? [] : [{ value: "file" as const, label: loaded.name }]),
        ]}
        value={source}
        onChange={(chosen) => {
          setFromFile(chosen === "file");
          setFollows(true);
          update({ event: -1, ...(chosen === "file" ? {} : { trace: chosen }) });
        }}
      />
      {isLive(source) && <Live source={source} watching={watching} />}
      <div class="teach-memory">
        <Column
          held={held}
          peak={height}
          top={tops[event]}
          own={own}
          onPoint={(block) => setPointed(block.id)}
          onChoose={(block) => move(block.from)}
        />
        <Timeline
          layout={layout}
          name={name}
          event={event}
          height={height}
          planned={planned}
          marked={own}
          onMove={move}
        />
      </div>
      <Legend />
      <Slider
        name={memory.event}
        walks
        value={event}
        least={0}
        most={count - 1}
        text={eventText(trace.events, event)}
        onChange={move}
      />
      <dl class="teach-line">
        <Measure name={memory.top} value={number(tops[event])} unit={memory.units.bytes} />
        <Measure name={memory.peak} value={number(peak)} unit={memory.units.bytes} />
        {planned !== undefined && (
          <Measure name={memory.planned} value={number(planned)} unit={memory.units.bytes} />
        )}
      </dl>
      <div class="teach-row">
        <label class="teach-file">
          <input
            type="file"
            accept=".json,application/json"
            class="visually-hidden"
            onChange={({ currentTarget }) => open(currentTarget.files?.[0])}
          />
          {memory.open}
        </label>
        <button
          type="button"
          onClick={() => download("trace-perfetto.json", JSON.stringify(toChromeTrace(trace)))}
        >
          {memory.perfetto}
        </button>
      </div>
      {fault !== undefined && <Notice kind="problem">{fault}</Notice>}
    </div>
  );
}
