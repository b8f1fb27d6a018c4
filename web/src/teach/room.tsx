import { useEffect, useRef } from "preact/hooks";
import type { RoomProps } from "../shell/rooms.js";
import { formatHash, go, parseHash } from "../shell/route.js";
import { Notice } from "../shell/ui.js";
import { badges, prepare, prepared, problem } from "./compute.js";
import { download } from "./download.js";
import {
  type ChapterName,
  chapters,
  type Hideable,
  hideable,
  neighbour,
  type Place,
  readState,
  type TeachState,
  writeState,
} from "./model/state.js";
import "./figures.css";
import "./panels.css";
import "./teach.css";
import type { Prepared } from "./teach.worker.js";
import { Rich, words } from "./text.js";
import { Formula } from "./views/formula.js";
import { FreeListView } from "./views/freelist.js";
import { NumberView } from "./views/number.js";
import { ProductView } from "./views/product.js";
import { FitPuzzle, IndexPuzzle, PeakPuzzle, ScopePuzzle } from "./views/puzzles.js";
import { RaceView } from "./views/race.js";
import { StackView } from "./views/stack.js";
import { TableView } from "./views/table.js";
import { TileView } from "./views/tile.js";
import { BytesView, GroupsView } from "./views/weights.js";
import { worksheet } from "./worksheet.js";

function show(state: TeachState, options?: { replace: boolean }): void {
  const { parts, query } = writeState(state);
  go("teach", parts, query, options);
}

const hrefOf = (state: TeachState, place: Place): string => {
  const { parts, query } = writeState({ ...state, place });
  return formatHash("teach", parts, query);
};

/** What `,` and `.` walk through in a step. */
const inner: Partial<Record<TeachState["place"]["step"], "k" | "part" | "event" | "element">> = {
  number: "k",
  tile: "part",
  stack: "event",
  freelist: "event",
  groups: "element",
};

function Chapters({ state }: { readonly state: TeachState }) {
  return (
    <nav class="teach-chapters" aria-label="Chapters">
      <ol>
        {chapters.map(({ name, steps }) => (
          <li key={name} data-current={name === state.place.chapter}>
            <a class="teach-chapter" href={hrefOf(state, { chapter: name, step: steps[0] })}>
              {words.chapters[name]}
            </a>
            {steps.length > 1 && (
              <span class="teach-dots">
                {steps.map((step) => (
                  <a
                    key={step}
                    class="teach-dot"
                    href={hrefOf(state, { chapter: name, step })}
                    aria-current={step === state.place.step ? "step" : undefined}
                  >
                    <span class="visually-hidden">{words.steps[step].title}</span>
                  </a>
                ))}
              </span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}

function View({ state, all }: { readonly state: TeachState; readonly all: Prepared }) {
  const update = (patch: Partial<TeachState>) => show({ ...state, ...patch }, { replace: true });
  const props = { state, update, all };
  switch (state.place.step) {
    case "number":
      return <NumberView {...props} />;
    case "table":
      return <TableView {...props} />;
    case "tile":
      return <TileView {...props} />;
    case "product":
      return <ProductView {...props} />;
    case "stack":
      return <StackView {...props} />;
    case "freelist":
      return <FreeListView {...props} />;
    case "groups":
      return <GroupsView {...props} />;
    case "bytes":
      return <BytesView {...props} />;
    case "race":
      return <RaceView {...props} />;
    case "index":
      return <IndexPuzzle {...props} />;
    case "fit":
      return <FitPuzzle {...props} />;
    case "peak":
      return <PeakPuzzle />;
    case "scope":
      return <ScopePuzzle />;
  }
}

/** How near the runtimes of this machine are to the reference on the small case. */
function Agreement({ all }: { readonly all: Prepared }) {
  const worst = Math.max(...Object.values(all.strategies).map(({ error }) => error));
  return (
    <details class="teach-details">
      <summary>The same numbers everywhere</summary>
      <ul>
        <li>float64 reference: defines them</li>
        <li>the WGSL kernels, run lane by lane in float64: within {worst.toExponential(1)}</li>
        {badges.value.map((badge) => (
          <li key={badge.runtime}>
            {"reason" in badge
              ? `${badge.runtime}: not here (${badge.reason})`
              : `${badge.runtime}, ${badge.device}: within ${Math.max(...Object.values(badge.errors)).toExponential(1)}, ${badge.tolerance} is allowed`}
          </li>
        ))}
      </ul>
    </details>
  );
}

const kernelOf = { table: "direct", tile: "tiled", product: "gemm", index: "tiled" } as const;

function Teacher({ state, all }: { readonly state: TeachState; readonly all: Prepared | undefined }) {
  const toggle = (name: Hideable) =>
    show(
      {
        ...state,
        hidden: state.hidden.includes(name)
          ? state.hidden.filter((one) => one !== name)
          : [...state.hidden, name],
      },
      { replace: true },
    );
  const lesson = hrefOf({ ...state, teacher: false }, state.place);
  return (
    <section class="teach-teacher" aria-label="For teachers">
      <h2>For teachers</h2>
      {!state.hidden.includes("notes") && (
        <ul>
          {words.steps[state.place.step].notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <fieldset class="teach-hide">
        <legend>Hide for the class</legend>
        {hideable.map((name) => (
          <label key={name}>
            <input type="checkbox" checked={state.hidden.includes(name)} onChange={() => toggle(name)} />{" "}
            {name}
          </label>
        ))}
      </fieldset>
      <div class="teach-row">
        <a class="teach-button" href={lesson}>
          As the class sees it
        </a>
        <a class="teach-button" href={hrefOf({ ...state, teacher: false, embedded: true }, state.place)}>
          To embed
        </a>
        <button
          type="button"
          disabled={all === undefined}
          onClick={() => all !== undefined && download("worksheet.md", worksheet(all), "text/markdown")}
        >
          Worksheet
        </button>
      </div>
    </section>
  );
}

const titleOf = (place: Place) => words.steps[place.step].title;

export default function Teach({ route }: RoomProps) {
  const state = readState(route.parts, route.query);
  const { place } = state;
  const all = prepared.value;
  const heading = useRef<HTMLHeadingElement>(null);
  const seen = useRef(place.step);
  const [before, after] = [neighbour(place, -1), neighbour(place, 1)];
  useEffect(() => {
    prepare();
  }, []);
  useEffect(() => {
    document.documentElement.toggleAttribute("data-embed", state.embedded);
    return () => document.documentElement.removeAttribute("data-embed");
  }, [state.embedded]);
  useEffect(() => {
    if (seen.current === place.step) return;
    seen.current = place.step;
    heading.current?.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }, [place.step]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea")) return;
      const onControl = target.closest("button, a, summary, [role=gridcell]") !== null;
      // Keys may come faster than the page is drawn.
      const { parts, query } = parseHash(location.hash);
      const now = readState(parts, query);
      const walk = (by: number) => {
        const to = neighbour(now.place, by);
        if (to !== undefined) show({ ...now, place: to });
      };
      const name = inner[now.place.step];
      if (event.key === "ArrowRight" || event.key === "PageDown") walk(1);
      else if (event.key === "ArrowLeft" || event.key === "PageUp") walk(-1);
      else if (event.key === " " && !onControl) walk(event.shiftKey ? -1 : 1);
      else if ((event.key === "," || event.key === ".") && name !== undefined) {
        const value = now[name] + (event.key === "." ? 1 : -1);
        show({ ...now, [name]: Math.max(0, value) }, { replace: true });
      } else if (event.key === "t") show({ ...now, teacher: !now.teacher }, { replace: true });
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const { title, body } = words.steps[place.step];
  const steps: readonly string[] = chapters.find(({ name }) => name === place.chapter)?.steps ?? [];
  const kernel = kernelOf[place.step as keyof typeof kernelOf];
  const hidden = (name: Hideable) => state.hidden.includes(name);
  return (
    <div class="teach">
      <Chapters state={state} />
      <article class="teach-step" data-step={place.step} aria-labelledby="teach-title">
        <div class="teach-prose">
          <p class="teach-kicker">
            {words.chapters[place.chapter as ChapterName]}
            {steps.length > 1 && `, ${steps.indexOf(place.step) + 1} of ${steps.length}`}
          </p>
          <h1 id="teach-title" ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {body.map((text) => (
            <p key={text}>
              <Rich text={text} />
            </p>
          ))}
          {place.chapter === "gsd" && !hidden("formula") && (
            <Formula step={place.step} depth={place.step === "tile" ? state.depth : 16} part={state.part} />
          )}
          {all !== undefined && place.chapter === "gsd" && !hidden("numbers") && <Agreement all={all} />}
          {all !== undefined && kernel !== undefined && !hidden("code") && (
            <details class="teach-details">
              <summary>
                The kernel: <code>diff2_{kernel}.wgsl</code>
              </summary>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by keyboard */}
              <pre tabIndex={0}>{all.kernels[kernel]}</pre>
            </details>
          )}
          {state.teacher && <Teacher state={state} all={all} />}
          <div class="teach-walk">
            {before !== undefined && (
              <a class="teach-button" href={hrefOf(state, before)} rel="prev">
                ← {titleOf(before)}
              </a>
            )}
            {after !== undefined && (
              <a class="teach-button primary" href={hrefOf(state, after)} rel="next">
                {titleOf(after)} →
              </a>
            )}
          </div>
          <p class="small quiet teach-keys">
            <kbd>Space</kbd> or <kbd>→</kbd> goes on, <kbd>←</kbd> back
            {inner[place.step] !== undefined && (
              <>
                , <kbd>,</kbd> <kbd>.</kbd> walk inside
              </>
            )}
            .{" "}
            <button
              type="button"
              class="plain teach-link"
              aria-pressed={state.teacher}
              onClick={() => show({ ...state, teacher: !state.teacher }, { replace: true })}
            >
              For teachers <kbd>t</kbd>
            </button>
          </p>
        </div>
        <div class="teach-stage">
          {problem.value !== undefined && (
            <Notice kind="problem">
              The numbers could not be computed: {problem.value}. Reload the page.
            </Notice>
          )}
          {all === undefined ? (
            problem.value === undefined && <p class="quiet">Computing the small case…</p>
          ) : (
            <View state={state} all={all} />
          )}
        </div>
      </article>
    </div>
  );
}
