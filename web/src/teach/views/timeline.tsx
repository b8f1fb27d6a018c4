import type { TargetedPointerEvent } from "preact";
import { useMemo } from "preact/hooks";
import { scopes } from "../../../../src/runtime/arena.js";
import type { BlockLife, TraceLayout } from "../model/memory.js";
import { envelope, lives, type Rectangle } from "../model/outline.js";
import { Figure } from "../parts.js";
import { bytesText, From, fill, words } from "../text.js";

const [width, tall] = [600, 300];
/** Columns that the widest screen tells apart. */
const columns = 4000;

const share = (part: number, whole: number) => `${(100 * part) / whole}%`;

/** Rectangles as one path. */
const areaOf = (
  rectangles: readonly Rectangle[],
  x: (event: number) => number,
  y: (bytes: number) => number,
) =>
  rectangles
    .map(({ from, to, low, high }) => `M${x(from)} ${y(low)}V${y(high)}H${x(to)}V${y(low)}z`)
    .join("");

/** The top pointer over the events of a trace, with the blocks under it. */
export function Timeline({
  layout,
  name,
  event,
  height,
  planned,
  marked,
  onMove,
}: {
  readonly layout: TraceLayout;
  /** Of the trace, to those who hear it. */
  readonly name: string;
  readonly event: number;
  /** Bytes at the upper edge. */
  readonly height: number;
  readonly planned: number | undefined;
  /** A block whose life is framed. */
  readonly marked: BlockLife | undefined;
  readonly onMove: (event: number) => void;
}) {
  const { trace, blocks, tops, peak } = layout;
  const count = trace.events.length;
  const { timeline } = words.memory;
  // Drawn once a trace: long ones would hold up the head that moves over them.
  const picture = useMemo(() => {
    const x = (at: number) => (width * at) / count;
    const y = (bytes: number) => tall - (tall * bytes) / height;
    const step = Math.ceil(count / columns);
    const line = envelope(tops, step).map(
      ({ at, value }) => `${at === 0 ? "M" : "L"}${x(at)} ${y(value)}H${x(at + 1)}`,
    );
    const spoken = fill(planned === undefined ? timeline.spoken : timeline.planned, {
      name,
      peak: bytesText(peak),
      planned: bytesText(planned ?? 0),
    });
    return (
      <svg viewBox={`0 0 ${width} ${tall}`} preserveAspectRatio="none" role="img" aria-label={spoken}>
        {scopes.map((scope) => (
          <path
            key={scope}
            d={areaOf(
              lives(
                blocks.filter((block) => block.scope === scope),
                step,
              ),
              x,
              y,
            )}
            fill={`url(#teach-${scope})`}
          />
        ))}
        <path d={line.join("")} class="teach-top" />
        {planned !== undefined && <path d={`M0 ${y(planned) + 1}H${width}`} class="teach-plan" />}
      </svg>
    );
  }, [layout, height, planned, name, timeline]);
  const scrub = ({ currentTarget, clientX }: TargetedPointerEvent<HTMLDivElement>) => {
    const { left, width: wide } = currentTarget.getBoundingClientRect();
    onMove(Math.max(0, Math.min(count - 1, Math.floor((count * (clientX - left)) / wide))));
  };
  return (
    <Figure
      note={
        <>
          {fill(timeline.note, { count })} <From origin="trace" />{" "}
          {planned !== undefined && <From origin="planned" />}
        </>
      }
    >
      <div
        class="teach-timeline"
        onPointerDown={scrub}
        onPointerMove={(move) => move.buttons > 0 && scrub(move)}
      >
        {picture}
        {marked !== undefined && (
          <span
            class="teach-life"
            style={{
              left: share(marked.from, count),
              width: share(marked.to - marked.from, count),
              bottom: share(marked.offset, height),
              height: share(marked.padded, height),
            }}
          />
        )}
        <span class="teach-playhead" style={{ transform: `translateX(${(100 * (event + 0.5)) / count}%)` }} />
      </div>
    </Figure>
  );
}
