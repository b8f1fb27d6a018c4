import type { TargetedPointerEvent } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Scope, scopes, type TraceEvent } from "../../../../src/runtime/arena.js";
import type { LiveTrace } from "../../../../src/runtime/live-trace.js";
import { parseTrace, toChromeTrace } from "../../../../src/runtime/trace.js";
import { running } from "../../job/running.js";
import { formatHash } from "../../shell/route.js";
import { Measure, Notice } from "../../shell/ui.js";
import {
  type BlockLife,
  heldAfter,
  layOut,
  mixedLifetimes,
  nestedLifetimes,
  type Policy,
  programCapacity,
  replayTo,
  type Snapshot,
} from "../model/memory.js";
import { Choice, Figure, Slider, type ViewProps } from "../parts.js";
import { bytesText, From, number, words } from "../text.js";
import published from "../traces/published-failure.json?raw";
import recorded from "../traces/refinement.json?raw";

const refinement = {
  trace: parseTrace(recorded, "refinement.json"),
  planned: (JSON.parse(recorded) as { planned: number }).planned,
};

/** Patterns beside colours: scopes are told apart without either. */
export function ScopePatterns() {
  return (
    <svg class="visually-hidden" aria-hidden="true">
      <defs>
        {scopes.map((scope, n) => (
          <pattern
            key={scope}
            id={`teach-${scope}`}
            width="6"
            height="6"
            patternUnits="userSpaceOnUse"
            patternTransform={`rotate(${[0, 0, 45, 135][n]})`}
          >
            <rect width="6" height="6" class={`teach-scope-${scope}`} />
            {n > 0 && <line x1="0" x2="0" y1="0" y2="6" class="teach-hatch" stroke-width={n === 1 ? 1 : 2} />}
          </pattern>
        ))}
      </defs>
    </svg>
  );
}

const Legend = () => (
  <ul class="teach-legend">
    {scopes.map((scope) => (
      <li key={scope}>
        <svg viewBox="0 0 14 14" aria-hidden="true">
          <rect width="14" height="14" fill={`url(#teach-${scope})`} />
        </svg>
        {scope}
      </li>
    ))}
  </ul>
);

export function eventText({ kind, scope, name, bytes }: TraceEvent): string {
  if (kind === "push") return `${scope} begins`;
  if (kind === "pop") return `${scope} ends: ${bytesText(bytes)} given back`;
  return `${kind === "alloc" ? "takes" : "gives back"} ${name}, ${bytesText(bytes)} (${scope})`;
}

function Column({
  held,
  peak,
  top,
}: {
  readonly held: readonly BlockLife[];
  readonly peak: number;
  readonly top: number;
}) {
  const [own, setOwn] = useState<BlockLife>();
  const named = held.filter(({ padded }) => padded > peak / 24);
  return (
    <Figure
      note={
        own === undefined
          ? `${held.length} blocks are held; point at one`
          : `${own.name}: ${number(own.bytes)} bytes, ${own.scope}, from ${number(own.offset)}`
      }
    >
      <div class="teach-column">
        <svg
          viewBox="0 0 120 300"
          preserveAspectRatio="none"
          role="img"
          aria-label={`Memory after this event: ${held.length} blocks, ${bytesText(top)} in use. Largest: ${[
            ...held,
          ]
            .sort((a, b) => b.bytes - a.bytes)
            .slice(0, 4)
            .map(({ name, bytes, scope }) => `${name} ${bytesText(bytes)} (${scope})`)
            .join(", ")}`}
        >
          <rect width="120" height="300" class="teach-room" />
          {held.map((block) => (
            <rect
              key={block.id}
              x="1"
              width="118"
              y={300 - (300 * (block.offset + block.padded)) / peak}
              height={Math.max(0.4, (300 * block.padded) / peak)}
              fill={`url(#teach-${block.scope})`}
              class={block.id === own?.id ? "here" : ""}
              onPointerEnter={() => setOwn(block)}
            />
          ))}
          <path d={`M0 ${300 - (300 * top) / peak}h120`} class="teach-top" />
        </svg>
        {named.map((block) => (
          <span
            key={block.id}
            class="teach-column-name"
            aria-hidden="true"
            style={{ bottom: `${(100 * (block.offset + block.padded / 2)) / peak}%` }}
          >
            {block.name}
          </span>
        ))}
      </div>
    </Figure>
  );
}

/** The lives of all blocks of a scope as one path. */
const areaOf = (
  blocks: readonly BlockLife[],
  scope: Scope,
  x: (event: number) => number,
  y: (bytes: number) => number,
) =>
  blocks
    .filter((block) => block.scope === scope)
    .map(
      ({ from, to, offset, padded }) =>
        `M${x(from)} ${y(offset)}V${y(offset + padded)}H${x(to)}V${y(offset)}z`,
    )
    .join("");

/** How often a run is asked for its trace, ms. */
const interval = 1000;

/** The trace of the refinement that runs in this tab, asked for while somebody looks. */
function useLiveTrace(wanted: boolean): (LiveTrace & { readonly planned: number | undefined }) | undefined {
  const [live, setLive] = useState<LiveTrace & { readonly planned: number | undefined }>();
  useEffect(() => {
    if (!wanted) return;
    let here = true;
    const ask = async () => {
      const run = running.peek();
      const trace = await run?.trace().catch(() => undefined);
      if (here && trace !== undefined && trace.trace.events.length > 0)
        setLive({ ...trace, planned: run?.planned() });
    };
    ask();
    const timer = setInterval(ask, interval);
    return () => {
      here = false;
      clearInterval(timer);
    };
  }, [wanted]);
  return live;
}

type Source = "recorded" | "live" | "file";

export function StackView({ state, update }: ViewProps) {
  const [loaded, setLoaded] = useState<{
    readonly name: string;
    readonly layout: ReturnType<typeof layOut>;
  }>();
  const [source, setSource] = useState<Source>("recorded");
  // The head follows a live trace until somebody moves it.
  const [follows, setFollows] = useState(true);
  const [fault, setFault] = useState<string>();
  const run = running.value;
  const live = useLiveTrace(source === "live");
  const shown = source === "live" && live === undefined ? "recorded" : source;
  const layout = useMemo(
    () =>
      shown === "live" && live !== undefined
        ? layOut(live.trace)
        : ((shown === "file" ? loaded?.layout : undefined) ?? layOut(refinement.trace)),
    [shown, loaded, live],
  );
  const { trace, blocks, tops, peak: used } = layout;
  const count = trace.events.length;
  const event = shown === "live" && follows ? count - 1 : Math.min(state.event, count - 1);
  const held = heldAfter(layout, event);
  const planned = { recorded: refinement.planned, live: live?.planned, file: undefined }[shown];
  // A run that has just begun is drawn at the height that it will come to.
  const peak = Math.max(used, shown === "live" ? (planned ?? 0) : 0);
  const [width, height] = [600, 300];
  const move = (to: number) => {
    setFollows(to === count - 1);
    update({ event: to });
  };
  const x = (at: number) => (width * at) / count;
  const y = (bytes: number) => height - (height * bytes) / peak;
  // Drawn once a trace: long ones would hold up the head that moves over them.
  const picture = useMemo(() => {
    const line = Array.from(tops, (top, at) => `${at === 0 ? "M" : "L"}${x(at)} ${y(top)}H${x(at + 1)}`);
    return (
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`The top pointer of ${shown === "file" ? loaded?.name : shown === "live" ? "the refinement of this tab" : "a refinement"}: peak ${bytesText(peak)}${planned === undefined ? "" : `, planned ${bytesText(planned)}`}`}
      >
        {scopes.map((scope) => (
          <path key={scope} d={areaOf(blocks, scope, x, y)} fill={`url(#teach-${scope})`} />
        ))}
        <path d={line.join("")} class="teach-top" />
        {planned !== undefined && <path d={`M0 ${y(planned) + 1}H${width}`} class="teach-plan" />}
      </svg>
    );
  }, [layout]);
  const scrub = ({ currentTarget, clientX }: TargetedPointerEvent<HTMLDivElement>) => {
    const { left, width: wide } = currentTarget.getBoundingClientRect();
    move(Math.max(0, Math.min(count - 1, Math.floor((count * (clientX - left)) / wide))));
  };
  const open = async (file: File | undefined) => {
    if (file === undefined) return;
    try {
      setLoaded({ name: file.name, layout: layOut(parseTrace(await file.text(), file.name)) });
      setSource("file");
      setFault(undefined);
      update({ event: 0 });
    } catch (error) {
      setFault((error as Error).message);
    }
  };
  return (
    <div class="teach-stack">
      <ScopePatterns />
      <Choice<Source>
        name="Trace"
        options={[
          { value: "recorded", label: "A recorded run" },
          { value: "live", label: "This tab, now" },
          ...(loaded === undefined ? [] : [{ value: "file" as const, label: loaded.name }]),
        ]}
        value={source}
        onChange={(chosen) => {
          setSource(chosen);
          setFollows(true);
        }}
      />
      {source === "live" && (
        <p class="small quiet" role="status">
          {run === undefined ? (
            <>
              {live === undefined ? "No refinement runs in this tab. " : "The refinement has ended. "}
              <a href={formatHash("refine")}>Start one</a>, come back, and its memory is drawn here as it is
              used.
            </>
          ) : live === undefined ? (
            `${run.name} has not taken memory yet.`
          ) : (
            `${run.name}, asked every second.${live.left > 0 ? ` A sample: ${number(live.left)} earlier events are left out, whole scopes at a time.` : ""}`
          )}
        </p>
      )}
      <div class="teach-memory">
        <Column held={held} peak={peak} top={tops[event]} />
        <Figure
          note={
            <>
              The top pointer over {number(count)} events, and the life of every block under it. Dashed: the
              planned peak. <From origin="trace" />
            </>
          }
        >
          <div
            class="teach-timeline"
            onPointerDown={scrub}
            onPointerMove={(move) => move.buttons > 0 && scrub(move)}
          >
            {picture}
            <span
              class="teach-playhead"
              style={{ transform: `translateX(${(100 * (event + 0.5)) / count}%)` }}
            />
          </div>
        </Figure>
      </div>
      <Legend />
      <Slider
        name="Event"
        value={event}
        least={0}
        most={count - 1}
        text={`${event + 1} of ${count}: ${eventText(trace.events[event])}`}
        onChange={move}
      />
      <dl class="teach-line">
        <Measure name="top" value={number(tops[event])} unit="bytes" />
        <Measure name="peak" value={number(used)} unit="bytes" />
        {planned !== undefined && <Measure name="planned peak" value={number(planned)} unit="bytes" />}
      </dl>
      <div class="teach-row">
        <label class="teach-file">
          <input
            type="file"
            accept=".json,application/json"
            class="visually-hidden"
            onChange={({ currentTarget }) => open(currentTarget.files?.[0])}
          />
          Open a trace
        </label>
        <button
          type="button"
          onClick={() => download("trace-perfetto.json", JSON.stringify(toChromeTrace(trace)))}
        >
          Download for Perfetto
        </button>
      </div>
      {fault !== undefined && <Notice kind="problem">{fault}</Notice>}
    </div>
  );
}

/** Hand a text to the visitor as a file. */
export function download(name: string, text: string, type = "application/json"): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const publishedTrace = parseTrace(published, "published-failure.json");
const programs = {
  published: { trace: publishedTrace, capacity: publishedTrace.capacity ?? 0 },
  mixed: { trace: mixedLifetimes(), capacity: programCapacity },
  nested: { trace: nestedLifetimes(), capacity: programCapacity },
} as const;
type ProgramName = keyof typeof programs;
const policyNames: Readonly<Record<Policy, string>> = { "first-fit": "First-fit free list", stack: "Stack" };

function AddressBar({
  name,
  snapshot,
  capacity,
}: {
  readonly name: string;
  readonly snapshot: Snapshot;
  readonly capacity: number;
}) {
  const { held, totalFree, largestFree, failure } = snapshot;
  const x = (bytes: number) => (600 * bytes) / capacity;
  return (
    <section class="teach-address" aria-label={name}>
      <h3>{name}</h3>
      <svg
        viewBox="0 0 600 60"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${held.length} blocks: ${held.map((block) => `${block.name} from ${number(block.offset)}, ${number(block.bytes)} bytes`).join("; ") || "none"}`}
      >
        <rect width="600" height="60" class="teach-room" />
        {held.map((block) => (
          <rect
            key={block.id}
            x={x(block.offset)}
            width={x(block.padded)}
            y="0"
            height="60"
            fill={`url(#teach-${block.scope as Scope})`}
            class="teach-edge"
          />
        ))}
      </svg>
      <p class="teach-names" aria-hidden="true">
        {held.map((block) => (
          <span
            key={block.id}
            class="teach-name"
            style={{
              left: `${(100 * block.offset) / capacity}%`,
              width: `${(100 * block.padded) / capacity}%`,
            }}
          >
            {block.name}
          </span>
        ))}
      </p>
      <dl class="teach-line">
        <Measure name="free in all" value={number(totalFree)} unit="bytes" />
        <Measure name="largest piece" value={number(largestFree)} unit="bytes" />
      </dl>
      <p class={failure === undefined ? "small quiet" : "small teach-bad"} role="status">
        {failure === undefined
          ? "every request so far was met"
          : `${failure.name} asks for ${number(failure.asked)} bytes and does not fit${failure.asked <= totalFree ? ", though so much is free" : `: ${number(failure.asked - totalFree)} are missing`}`}
      </p>
    </section>
  );
}

export function FreeListView({ state, update }: ViewProps) {
  const name = state.program as ProgramName;
  const { trace, capacity } = programs[name];
  const count = trace.events.length;
  const event = Math.min(state.event, count - 1);
  return (
    <div class="teach-stack">
      <ScopePatterns />
      <Choice
        name="Program"
        options={(Object.keys(programs) as ProgramName[]).map((value) => ({
          value,
          label: words.steps.freelist.programs[value],
        }))}
        value={name}
        onChange={(program) => update({ program, event: programs[program].trace.events.length - 1 })}
      />
      <p>{words.steps.freelist.remarks[name]}</p>
      <Slider
        name="Event"
        value={event}
        least={0}
        most={count - 1}
        text={`${event + 1} of ${count}: ${eventText(trace.events[event])}`}
        onChange={(value) => update({ event: value })}
      />
      {(["first-fit", "stack"] as const).map((policy) => (
        <AddressBar
          key={policy}
          name={policyNames[policy]}
          snapshot={replayTo(trace, capacity, policy, event)}
          capacity={capacity}
        />
      ))}
      <p class="small quiet">
        A memory of {number(capacity)} bytes. <From origin="trace" />
      </p>
    </div>
  );
}
