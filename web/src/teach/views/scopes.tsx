import { scopes, type TraceEvent } from "../../../../src/runtime/arena.js";
import { bytesText, fill, words } from "../text.js";

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

export const Legend = () => (
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

/** An event of a trace in words, with its place among all. */
export function eventText(events: readonly TraceEvent[], at: number): string {
  const { kind, scope, name, bytes } = events[at];
  const { memory } = words;
  const event = fill(memory.events[kind], {
    scope,
    name,
    bytes: bytesText(bytes),
  });
  return fill(memory.place, { at: at + 1, count: events.length, event });
}
