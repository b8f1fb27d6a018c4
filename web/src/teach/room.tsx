import { Fragment } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { RoomProps } from "../shell/rooms.js";
import { parseHash } from "../shell/route.js";
import { Notice } from "../shell/ui.js";
import { cases, prepare } from "./compute.js";
import {
  caseSizes,
  chapters,
  type Hideable,
  hasCases,
  kernelTile,
  languageNames,
  languages,
  moved,
  neighbour,
  type Place,
  readState,
  type StepName,
  shownCase,
  type TeachState,
  withCase,
} from "./model/state.js";
import "./figures.css";
import "./panels.css";
import "./teach.css";
import { facts } from "./facts.js";
import { hrefOf, show } from "./navigation.js";
import { Choice } from "./parts.js";
import type { Prepared } from "./teach.worker.js";
import { fill, language, languageProblem, Rich, speak, words } from "./text.js";
import { Agreement } from "./views/agreement.js";
import { BytesView } from "./views/bytes.js";
import { Formula } from "./views/formula.js";
import { FreeListView } from "./views/freelist.js";
import { NumberView } from "./views/number.js";
import { ProductView } from "./views/product.js";
import { FitPuzzle, IndexPuzzle, PeakPuzzle, ScopePuzzle } from "./views/puzzles.js";
import { RaceView } from "./views/race.js";
import { StackView } from "./views/stack.js";
import { TableView } from "./views/table.js";
import { Teacher } from "./views/teacher.js";
import { TileView } from "./views/tile.js";
import { GroupsView } from "./views/weights.js";

/** Steps inside which `,` and `.` walk: they move the slider that says so. */
const walked: readonly StepName[] = ["number", "tile", "stack", "freelist", "groups"];
/** A key may come before its step is drawn: it waits some frames. */
function walkInside(key: "," | ".", step: StepName, frames = 30): void {
  const slider = document.querySelector<HTMLInputElement>(`[data-step=${step}] input[data-walks=true]`);
  if (slider !== null) {
    if (key === ".") slider.stepUp();
    else slider.stepDown();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (frames > 0) requestAnimationFrame(() => walkInside(key, step, frames - 1));
}

function Chapters({ state }: { readonly state: TeachState }) {
  return (
    <nav class="teach-chapters" aria-label={words.room.chapters}>
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
                    title={words.steps[step].title}
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

const kernelOf = { table: "direct", tile: "tiled", product: "gemm", index: "tiled" } as const;

const titleOf = (place: Place) => words.steps[place.step].title;

export default function Teach({ route }: RoomProps) {
  const state = readState(route.parts, route.query);
  const { place } = state;
  const shown = shownCase(state);
  const { prepared, problem } = cases[shown];
  const all = prepared.value;
  const heading = useRef<HTMLHeadingElement>(null);
  const seen = useRef(place.step);
  const [before, after] = [neighbour(place, -1), neighbour(place, 1)];
  useEffect(() => {
    prepare(shown);
    // The worksheet has the numbers of the small case.
    if (state.teacher) prepare("tiny");
  }, [shown, state.teacher]);
  useEffect(() => {
    speak(state.language);
  }, [state.language]);
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
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.matches("input:not([type=range]), select, textarea")) return;
      // A slider has its own arrows and pages.
      if (target.matches("input") && ![" ", ",", ".", "t"].includes(event.key)) return;
      const onControl = target.closest("button, a, summary, [role=gridcell]") !== null;
      // Keys may come faster than the page is drawn.
      const { parts, query } = parseHash(location.hash);
      const now = readState(parts, query);
      const walk = (by: number) => {
        const to = neighbour(now.place, by);
        if (to !== undefined) show(moved(now, to));
      };
      if (event.key === "ArrowRight" || event.key === "PageDown") walk(1);
      else if (event.key === "ArrowLeft" || event.key === "PageUp") walk(-1);
      else if (event.key === " " && !onControl) walk(event.shiftKey ? -1 : 1);
      else if (event.key === "," || event.key === ".") walkInside(event.key, now.place.step);
      else if (event.key === "t") show({ ...now, teacher: !now.teacher }, { replace: true });
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const text = words.steps[place.step];
  const { title } = text;
  const of64: Readonly<Record<number, string>> = shown === "box64" && "body64" in text ? text.body64 : {};
  const body = text.body.map((own, at) => fill(of64[at] ?? own, facts(shown)));
  const steps: readonly string[] = chapters.find(({ name }) => name === place.chapter)?.steps ?? [];
  const kernel = kernelOf[place.step as keyof typeof kernelOf];
  const hidden = (name: Hideable) => state.hidden.includes(name);
  return (
    <div class="teach" lang={language.value}>
      <Chapters state={state} />
      <article class="teach-step" data-step={place.step} aria-labelledby="teach-title">
        <div class="teach-prose">
          <p class="teach-kicker">
            {steps.length === 1
              ? words.chapters[place.chapter]
              : fill(words.room.place, {
                  chapter: words.chapters[place.chapter],
                  at: steps.indexOf(place.step) + 1,
                  count: steps.length,
                })}
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
            <Formula
              step={place.step}
              depth={place.step === "tile" ? state.depth : kernelTile.depth}
              part={state.part}
              pixels={caseSizes[shown].pixels}
            />
          )}
          {all !== undefined && place.chapter === "gsd" && !hidden("numbers") && <Agreement all={all} />}
          {all !== undefined && kernel !== undefined && !hidden("code") && (
            <details class="teach-details">
              <summary>
                <Rich text={fill(words.room.kernel, { kernel })} />
              </summary>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by keyboard */}
              <pre tabIndex={0}>{all.kernels[kernel]}</pre>
            </details>
          )}
          {state.teacher && <Teacher state={state} all={cases.tiny.prepared.value} />}
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
            <Rich text={walked.includes(place.step) ? words.room.innerKeys : words.room.keys} />{" "}
            <button
              type="button"
              class="plain teach-link"
              aria-pressed={state.teacher}
              onClick={() => show({ ...state, teacher: !state.teacher }, { replace: true })}
            >
              {words.room.teachers} <kbd>t</kbd>
            </button>
            {languageNames
              .filter((name) => name !== state.language)
              .map((name) => (
                <Fragment key={name}>
                  {" "}
                  <a
                    class="teach-link"
                    href={hrefOf({ ...state, language: name }, place)}
                    lang={name}
                    hreflang={name}
                  >
                    {languages[name]}
                  </a>
                </Fragment>
              ))}
          </p>
        </div>
        <div class="teach-stage">
          {hasCases(place) && (
            <Choice
              name={words.cases.name}
              options={(["tiny", "box64"] as const).map((value) => ({ value, label: words.cases[value] }))}
              value={shown}
              onChange={(name) => show(withCase(state, name), { replace: true })}
            />
          )}
          {problem.value !== undefined && (
            <Notice kind="problem">{fill(words.room.problem, { problem: problem.value })}</Notice>
          )}
          {languageProblem.value !== undefined && (
            <Notice kind="problem">
              {fill(words.room.languageProblem, { problem: languageProblem.value })}
            </Notice>
          )}
          {all === undefined ? (
            problem.value === undefined && (
              <p class="quiet" role="status">
                {shown === "tiny" ? words.room.computing : fill(words.cases.wait, facts(shown))}
              </p>
            )
          ) : (
            <View state={state} all={all} />
          )}
        </div>
      </article>
    </div>
  );
}
