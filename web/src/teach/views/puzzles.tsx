import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { type Scope, scopes } from "../../../../src/runtime/arena.js";
import { compute } from "../compute.js";
import {
  type Action,
  batches,
  checkPeak,
  checkScope,
  checkTile,
  type Finding,
  iterations,
  peakProgram,
  spoiltLine,
  tileLine,
  type Verdict,
} from "../model/puzzles.js";
import { Choice, heat, Matrix, Slider, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { decimal, fill, number, words } from "../text.js";
import { cellSample, columnNames, numbers } from "./names.js";
import { TilePicture } from "./tile.js";

/** Small fractions are errors, others a few digits. */
const figure = (value: number) =>
  value > 0 && value < 1e-3 ? decimal(value.toExponential(1)) : number(value, 1);

function findingText({ fact, values }: Finding): string {
  const figures = Object.entries(values).map(
    ([name, value]) => [name, typeof value === "number" ? figure(value) : value] as const,
  );
  return fill(words.puzzles.findings[fact], Object.fromEntries(figures));
}

function Answer({ verdict }: { readonly verdict: Verdict | undefined }) {
  return (
    <div class="teach-verdict" role="status" data-solved={verdict?.solved}>
      {verdict !== undefined && (
        <>
          <p class={verdict.solved ? "teach-good" : "teach-bad"}>
            {verdict.solved ? words.puzzles.solved : words.puzzles.unsolved}
          </p>
          <ul>
            {verdict.findings.map((finding) => (
              <li key={finding.fact}>{findingText(finding)}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

/** The lines of diff2_tiled around the one that the puzzle spoils. */
function around(code: string, line: string): { before: string; after: string } {
  const lines = code.split("\n");
  const at = lines.findIndex((one) => one.includes(line));
  return {
    before: lines.slice(Math.max(0, at - 4), at).join("\n"),
    after: lines.slice(at + 1, at + 11).join("\n"),
  };
}

export function IndexPuzzle({ all }: { readonly all: Prepared }) {
  const own = words.steps.index;
  const [line, setLine] = useState(spoiltLine);
  const [verdict, setVerdict] = useState<Verdict & { readonly scores?: Float64Array }>();
  const [busy, setBusy] = useState(false);
  const { before, after } = around(all.kernels.tiled, tileLine);
  const expected = all.differences.diff2_iot;
  const { shape } = all.data;
  const write = (text: string) => {
    setLine(text);
    setVerdict(undefined);
  };
  const check = async () => {
    setBusy(true);
    try {
      setVerdict(await compute().tileIndex(line));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="teach-stack"
      onSubmit={(event) => {
        event.preventDefault();
        check();
      }}
    >
      <div class="teach-code">
        <pre>{before}</pre>
        <input
          aria-label={own.line}
          value={line}
          spellcheck={false}
          autocomplete="off"
          readOnly={busy}
          onInput={({ currentTarget }) => write(currentTarget.value)}
        />
        <pre>{after}</pre>
      </div>
      <div class="teach-row">
        <button type="submit" class="primary" disabled={busy}>
          {busy ? fill(own.running, { lanes: all.tiles.tiled.lanes }) : own.run}
        </button>
        <button type="button" disabled={busy} onClick={() => write(spoiltLine)}>
          {own.restart}
        </button>
      </div>
      <Answer verdict={verdict} />
      {verdict?.scores !== undefined && (
        <Matrix
          caption={own.errors}
          rows={numbers(shape.orientations)}
          columns={columnNames(shape)}
          value={(o, j) =>
            Math.abs((verdict.scores?.[cellSample(shape, o, j)] ?? 0) - expected[cellSample(shape, o, j)])
          }
          colour={(value) => heat(Math.min(1, value / 10))}
        />
      )}
    </form>
  );
}

export function FitPuzzle({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const [verdict, setVerdict] = useState<Verdict>();
  const change = (tile: { readonly side?: number; readonly depth?: number }) => {
    update(tile);
    setVerdict(undefined);
  };
  return (
    <div class="teach-stack">
      <div class="teach-small">
        <TilePicture all={all} side={state.side} depth={state.depth} part={0} />
      </div>
      <Slider
        name={words.tile.side}
        value={state.side}
        least={4}
        most={128}
        step={4}
        text={`${state.side} × ${state.side}`}
        onChange={(side) => change({ side })}
      />
      <Slider
        name={words.tile.depth}
        value={state.depth}
        least={2}
        most={32}
        step={2}
        text={String(state.depth)}
        onChange={(depth) => change({ depth })}
      />
      <div class="teach-row">
        <button type="button" class="primary" onClick={() => setVerdict(checkTile(state.side, state.depth))}>
          {words.puzzles.check}
        </button>
      </div>
      <Answer verdict={verdict} />
    </div>
  );
}

function actionText(action: Action): string {
  if (action.kind === "push") return `push ${action.scope}`;
  if (action.kind === "pop") return `pop ${action.scope}`;
  return action.kind === "alloc" ? `alloc ${action.name}, ${number(action.bytes)}` : `free ${action.name}`;
}

export function PeakPuzzle() {
  const [verdict, setVerdict] = useState<Verdict>();
  const [answer, setAnswer] = useState("");
  let level = 0;
  return (
    <form
      class="teach-stack"
      onSubmit={(event) => {
        event.preventDefault();
        setVerdict(checkPeak(Number(answer.replaceAll(/[\s.,]/g, ""))));
      }}
    >
      <ol class="teach-program">
        {peakProgram.map((action, at) => {
          if (action.kind === "pop") level--;
          const own = level;
          if (action.kind === "push") level++;
          return (
            <li key={`${at} ${action.kind}`} style={{ paddingInlineStart: `${1.5 * own}rem` }}>
              <code>{actionText(action)}</code>
            </li>
          );
        })}
      </ol>
      <div class="teach-row">
        <label class="teach-answer-field">
          {words.steps.peak.answer}
          <input
            inputMode="numeric"
            required
            pattern="[\d\s.,]*\d[\d\s.,]*"
            value={answer}
            onInput={({ currentTarget }) => {
              setAnswer(currentTarget.value);
              setVerdict(undefined);
            }}
          />
        </label>
        <button type="submit" class="primary">
          {words.puzzles.check}
        </button>
      </div>
      <Answer verdict={verdict} />
    </form>
  );
}

/** What the puzzle runs, with the request in the scope that was chosen. */
const scopeProgram = (): readonly {
  readonly depth: number;
  readonly text: string;
  readonly scope?: Scope;
}[] => {
  const { program } = words.steps.scope;
  return [
    { depth: 0, text: fill(program.iterations, { iterations }), scope: "global" },
    { depth: 1, text: "push iteration", scope: "iteration" },
    { depth: 1, text: fill(program.batches, { batches }) },
    { depth: 2, text: "push job" },
    { depth: 2, text: "alloc images", scope: "job" },
    { depth: 2, text: "push orientation", scope: "orientation" },
    { depth: 2, text: program.add },
    { depth: 2, text: "pop orientation" },
    { depth: 2, text: "pop job" },
    { depth: 1, text: program.read },
    { depth: 1, text: "pop iteration" },
  ];
};

export function ScopePuzzle() {
  const [scope, setScope] = useState<Scope>();
  return (
    <div class="teach-stack">
      <pre class="teach-code">
        {scopeProgram().map(({ depth, text, scope: own }) => (
          <Fragment key={text}>
            {"  ".repeat(depth)}
            {text}
            {"\n"}
            {own !== undefined && own === scope && (
              <mark>
                {"  ".repeat(own === "global" ? 1 : depth)}alloc sums{"\n"}
              </mark>
            )}
          </Fragment>
        ))}
      </pre>
      <Choice
        name={words.steps.scope.choice}
        options={scopes.map((value) => ({ value, label: value }))}
        value={scope}
        onChange={setScope}
      />
      <Answer verdict={scope === undefined ? undefined : checkScope(scope)} />
    </div>
  );
}
