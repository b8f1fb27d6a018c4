import type { BlockLife } from "../model/memory.js";
import { Figure } from "../parts.js";
import { bytesText, fill, words } from "../text.js";

/** The memory at one moment: what is held, bottom up, and the top. */
export function Column({
  held,
  peak,
  top,
  own,
  onPoint,
  onChoose,
}: {
  readonly held: readonly BlockLife[];
  readonly peak: number;
  readonly top: number;
  /** The block that is pointed at. */
  readonly own: BlockLife | undefined;
  readonly onPoint: (block: BlockLife) => void;
  readonly onChoose: (block: BlockLife) => void;
}) {
  const { column } = words.memory;
  const named = held.filter(({ padded }) => padded > peak / 24);
  const largest = [...held].sort((a, b) => b.bytes - a.bytes).slice(0, 4);
  const spoken = fill(column.spoken, {
    count: held.length,
    bytes: bytesText(top),
    largest: largest.map(({ name, bytes, scope }) => `${name} ${bytesText(bytes)} (${scope})`).join(", "),
  });
  return (
    <Figure
      note={
        own === undefined
          ? fill([column.none, column.one][held.length] ?? column.held, { count: held.length })
          : fill(column.place, {
              name: own.name,
              bytes: own.bytes,
              scope: own.scope,
              offset: own.offset,
            })
      }
    >
      <div class="teach-column">
        <svg viewBox="0 0 120 300" preserveAspectRatio="none" role="img" aria-label={spoken}>
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
              onPointerEnter={() => onPoint(block)}
              onPointerUp={() => onChoose(block)}
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
