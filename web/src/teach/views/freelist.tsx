import { parseTrace } from "../../../../src/runtime/trace.js";
import { Measure } from "../../shell/ui.js";
import {
  mixedLifetimes,
  nestedLifetimes,
  type Policy,
  programCapacity,
  replayTo,
  type Snapshot,
} from "../model/memory.js";
import { Choice, Slider, type ViewProps } from "../parts.js";
import { From, fill, number, words } from "../text.js";
import published from "../traces/published-failure.json?raw";
import { eventText, ScopePatterns } from "./scopes.js";

const publishedTrace = parseTrace(published, "published-failure.json");
const programs = {
  published: { trace: publishedTrace, capacity: publishedTrace.capacity ?? 0 },
  mixed: { trace: mixedLifetimes(), capacity: programCapacity },
  nested: { trace: nestedLifetimes(), capacity: programCapacity },
} as const;
type ProgramName = keyof typeof programs;
const policies: readonly Policy[] = ["first-fit", "stack"];

/** What became of the requests so far, in words. */
function outcome({ failure, totalFree }: Snapshot): string {
  const { met, scattered, missing } = words.memory.freelist;
  if (failure === undefined) return met;
  const { name, asked } = failure;
  const values = { name, bytes: asked, missing: asked - totalFree };
  return fill(asked <= totalFree ? scattered : missing, values);
}

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
  const { freelist, units } = words.memory;
  const x = (bytes: number) => (600 * bytes) / capacity;
  const list = held.map((block) =>
    fill(freelist.block, {
      name: block.name,
      offset: block.offset,
      bytes: block.bytes,
    }),
  );
  const spoken = fill(freelist.spoken, {
    count: held.length,
    list: list.length === 0 ? freelist.none : list.join("; "),
  });
  return (
    <section class="teach-address" aria-label={name}>
      <h3>{name}</h3>
      <svg viewBox="0 0 600 60" preserveAspectRatio="none" role="img" aria-label={spoken}>
        <rect width="600" height="60" class="teach-room" />
        {held.map((block) => (
          <rect
            key={block.id}
            x={x(block.offset)}
            width={x(block.padded)}
            y="0"
            height="60"
            fill={`url(#teach-${block.scope})`}
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
        <Measure name={freelist.free} value={number(totalFree)} unit={units.bytes} />
        <Measure name={freelist.largest} value={number(largestFree)} unit={units.bytes} />
      </dl>
      <p class={failure === undefined ? "small quiet" : "small teach-bad"} role="status">
        {outcome(snapshot)}
      </p>
    </section>
  );
}

export function FreeListView({ state, update }: ViewProps) {
  const name: ProgramName = state.program;
  const { trace, capacity } = programs[name];
  const count = trace.events.length;
  const { failure, totalFree } = replayTo(trace, capacity, "first-fit", count - 1);
  const event = Math.min(state.event < 0 ? (failure?.event ?? count) : state.event, count - 1);
  const { freelist, event: eventName } = words.memory;
  return (
    <div class="teach-stack">
      <ScopePatterns />
      <Choice
        name={freelist.program}
        options={(Object.keys(programs) as ProgramName[]).map((value) => ({
          value,
          label: words.steps.freelist.programs[value],
        }))}
        value={name}
        onChange={(program) => update({ program, event: -1 })}
      />
      <p>
        {fill(words.steps.freelist.remarks[name], { missing: (failure?.asked ?? totalFree) - totalFree })}
      </p>
      <Slider
        name={eventName}
        walks
        value={event}
        least={0}
        most={count - 1}
        text={eventText(trace.events, event)}
        onChange={(value) => update({ event: value })}
      />
      {policies.map((policy) => (
        <AddressBar
          key={policy}
          name={freelist.policies[policy]}
          snapshot={replayTo(trace, capacity, policy, event)}
          capacity={capacity}
        />
      ))}
      <p class="small quiet">
        {fill(freelist.capacity, { bytes: capacity })} <From origin="trace" />
      </p>
    </div>
  );
}
