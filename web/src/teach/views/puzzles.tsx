import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { type Scope, scopes } from "../../../../src/runtime/arena.js";
import { compute } from "../compute.js";
import {
  type Action,
  checkPeak,
  checkScope,
  checkTile,
  peakProgram,
  spoiltLine,
  tileLine,
  type Verdict,
} from "../model/puzzles.js";
import { Choice, heat, Matrix, Slider, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { number } from "../text.js";
import { cellSample, columnNames, numbers } from "./names.js";
import { TilePicture } from "./tile.js";

function Answer({ verdict }: { readonly verdict: Verdict | undefined }) {
  return (
    <div class="teach-verdict" role="status" data-solved={verdict?.solved}>
      {verdict !== undefined && (
        <>
          <p class={verdict.solved ? "teach-good" : "teach-bad"}>{verdict.solved ? "Solved" : "Not yet"}</p>
          <ul>
            {verdict.findings.map((finding) => (
              <li key={finding}>{finding}</li>
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
  const [line, setLine] = useState(spoiltLine);
  const [verdict, setVerdict] = useState<Verdict & { readonly scores?: Float64Array }>();
  const [busy, setBusy] = useState(false);
  const { before, after } = around(all.kernels.tiled, tileLine);
  const expected = all.differences.diff2_iot;
  const { shape } = all.data;
  const check = async () => {
    setBusy(true);
    setVerdict(await compute().tileIndex(line));
    setBusy(false);
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
          aria-label="The line of the kernel"
          value={line}
          spellcheck={false}
          autocomplete="off"
          onInput={({ currentTarget }) => setLine(currentTarget.value)}
        />
        <pre>{after}</pre>
      </div>
      <div class="teach-row">
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Running 256 lanes…" : "Run it"}
        </button>
        <button type="button" onClick={() => setLine(spoiltLine)}>
          Start over
        </button>
      </div>
      <Answer verdict={verdict} />
      {verdict?.scores !== undefined && (
        <Matrix
          caption="How far each score is from the reference"
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
  return (
    <div class="teach-stack">
      <div class="teach-small">
        <TilePicture all={all} side={state.side} depth={state.depth} part={0} />
      </div>
      <Slider
        name="Side of the tile"
        value={state.side}
        least={4}
        most={128}
        step={4}
        text={`${state.side} × ${state.side}`}
        onChange={(side) => update({ side })}
      />
      <Slider
        name="Pixels a part"
        value={state.depth}
        least={2}
        most={32}
        step={2}
        text={String(state.depth)}
        onChange={(depth) => update({ depth })}
      />
      <div class="teach-row">
        <button type="button" class="primary" onClick={() => setVerdict(checkTile(state.side, state.depth))}>
          Check
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
        setVerdict(checkPeak(Number(answer.replaceAll(",", ""))));
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
          Peak in bytes
          <input
            inputMode="numeric"
            value={answer}
            onInput={({ currentTarget }) => setAnswer(currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Check
        </button>
      </div>
      <Answer verdict={verdict} />
    </form>
  );
}

/** What the puzzle runs, with the request in the scope that was chosen. */
const scopeProgram: readonly { readonly depth: number; readonly text: string; readonly scope?: Scope }[] = [
  { depth: 0, text: "for 2 iterations", scope: "global" },
  { depth: 1, text: "push iteration", scope: "iteration" },
  { depth: 1, text: "for 3 batches" },
  { depth: 2, text: "push job" },
  { depth: 2, text: "alloc images", scope: "job" },
  { depth: 2, text: "push orientation", scope: "orientation" },
  { depth: 2, text: "add to the sums" },
  { depth: 2, text: "pop orientation" },
  { depth: 2, text: "pop job" },
  { depth: 1, text: "read the sums" },
  { depth: 1, text: "pop iteration" },
];

export function ScopePuzzle() {
  const [scope, setScope] = useState<Scope>();
  return (
    <div class="teach-stack">
      <pre class="teach-code">
        {scopeProgram.map(({ depth, text, scope: own }) => (
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
        name="Scope of the sums"
        options={scopes.map((value) => ({ value, label: value }))}
        value={scope ?? ("" as Scope)}
        onChange={setScope}
      />
      <Answer verdict={scope === undefined ? undefined : checkScope(scope)} />
    </div>
  );
}
