import "./run-view.css";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import {
  angstrom,
  count,
  duration,
  fixed,
  memory,
  percent,
  unknown,
} from "../../../src/app/report/numbers.js";
import { iterationLimit, type JobRecord } from "../../../src/app/report/record.js";
import { Measure, Notice } from "../shell/ui.js";
import type { DrawnFigure } from "./map.js";
import { MapView, type NamedMap } from "./map-view.js";
import type { RunModel } from "./model.js";
import { Slices } from "./slices.js";
import { secondsLeft } from "./time-left.js";
import { viewWorker } from "./viewer.js";

/** What a map is called: by its file. */
export function mapName(path: string): string {
  const half = /_half([12])_/.exec(path)?.[1];
  if (half !== undefined) return `Half set ${half}`;
  if (/_it\d+_/.test(path) || /class0*[2-9]/.test(path))
    return `Class ${Number(/_class0*(\d+)/.exec(path)?.[1] ?? 1)}`;
  return "Final map";
}

/** The newest maps of a run, read as they are written. The ones before stay until then. */
function useMaps(model: RunModel): { maps: readonly NamedMap[]; problem: string | undefined } {
  const [maps, setMaps] = useState<readonly NamedMap[]>([]);
  const [problem, setProblem] = useState<string>();
  const saved = model.saved.value;
  useEffect(() => {
    if (saved === undefined) return;
    let current = true;
    let again: ReturnType<typeof setTimeout>;
    const read = async () => {
      const found: NamedMap[] = [];
      for (const name of saved.maps)
        found.push({ name, map: await viewWorker().load(name, await model.file(name)) });
      if (!current) return;
      setProblem(undefined);
      setMaps((before) => {
        for (const { name } of before) if (!saved.maps.includes(name)) viewWorker().forget(name);
        return found;
      });
    };
    // A job whose files are being copied may list a map before it is there.
    const attempt = () => {
      read().catch((error: Error) => {
        if (!current) return;
        setProblem(error.message);
        again = setTimeout(attempt, 5000);
      });
    };
    attempt();
    return () => {
      current = false;
      clearTimeout(again);
    };
  }, [saved, model]);
  return { maps, problem };
}

function useFigures(model: RunModel): readonly DrawnFigure[] {
  const [figures, setFigures] = useState<readonly DrawnFigure[]>([]);
  const record = model.record.value;
  const finished = record?.iterations.at(-1);
  useEffect(() => {
    if (record === undefined || finished === undefined) return;
    let current = true;
    const draw = async () => {
      const data = finished.files.find((name) => name.endsWith("_data.star"));
      const seen =
        data === undefined
          ? undefined
          : await model
              .file(data)
              .then((file) => viewWorker().directions(file))
              .catch(() => undefined);
      const drawn = await viewWorker().figures(record, seen);
      if (current) setFigures(drawn);
    };
    draw();
    return () => {
      current = false;
    };
    // The figures tell of whole iterations.
  }, [finished, model]);
  return figures;
}

function Figure({ id, title, summary, svg, legend, wide }: DrawnFigure) {
  return (
    <figure class={wide ? "wide" : undefined} id={`figure-${id}`}>
      <figcaption>
        <h3>{title}</h3>
        <p>{summary}</p>
      </figcaption>
      {/* Drawn by the report, which escapes what it is given. */}
      <div
        class="drawing"
        // On a narrow screen wide figures scroll, by keyboard too.
        {...(wide && { tabIndex: 0, role: "group", "aria-label": title })}
        dangerouslySetInnerHTML={{ __html: svg }}
      />
      {legend.length > 0 && (
        <ul class="legend">
          {legend.map(({ label, colour }) => (
            <li key={label}>
              <i style={{ background: colour }} />
              {label}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

function Progress({ record, live }: { readonly record: JobRecord; readonly live: boolean }) {
  const { phase, progress, start } = record;
  const done = record.iterations.at(-1)?.iteration ?? start.from;
  const within = progress === undefined ? 0 : progress.done / progress.total;
  const limit = iterationLimit(start);
  // Of a run without a limit, the iteration that it is at.
  const share = live
    ? Math.min(1, limit === undefined ? within : (done + within) / limit)
    : record.end?.status === "success"
      ? 1
      : Math.min(1, done / (limit ?? start.iterations));
  const what = live && phase !== undefined ? `Iteration ${phase.iteration}, ${phase.phase}` : undefined;
  return (
    <div class="run-progress">
      <div
        class="track"
        role="progressbar"
        aria-label="Iterations"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(100 * share)}
      >
        <div style={{ width: `${100 * share}%` }} />
      </div>
      <p class="run-phase small quiet">{what ?? " "}</p>
    </div>
  );
}

function Measures({ record, live }: { readonly record: JobRecord; readonly live: boolean }) {
  const last = record.iterations.at(-1);
  const { start, progress } = record;
  const limit = iterationLimit(start);
  const seconds = secondsLeft(record);
  const rate = useRef<number | undefined>(undefined);
  if (progress !== undefined) rate.current = progress.rate;
  const [resolution, unit = ""] = angstrom(last?.resolution).split(" ");
  return (
    <dl class="measures">
      <Measure large name="Resolution" value={resolution} unit={unit} />
      <Measure
        name="Iteration"
        value={last?.iteration ?? start.from}
        unit={
          limit === undefined
            ? live
              ? "until it converges"
              : ""
            : `of ${limit}${last?.classes.some(({ fsc }) => fsc) ? " at most" : ""}`
        }
      />
      <Measure name="Mean Pmax" value={fixed(last?.averagePmax, 3)} />
      {live && (
        <Measure
          name="Particles a second"
          value={rate.current === undefined ? unknown : count(Math.round(rate.current))}
        />
      )}
      {live ? (
        <Measure name="Time left" value={seconds === undefined ? unknown : duration(seconds)} />
      ) : (
        <Measure name="Time taken" value={duration(record.seconds)} />
      )}
      {!(last !== undefined && Number.isNaN(last.peakBytes)) && (
        <Measure name="Device memory" value={memory(last?.peakBytes)} />
      )}
    </dl>
  );
}

function Facts({ record }: { readonly record: JobRecord }) {
  const { start } = record;
  const last = record.iterations.at(-1);
  const facts = [
    ["Particles", `${count(start.particles)} of ${start.box} px, ${start.pixelSize} Å a pixel`],
    ["Symmetry", start.symmetry],
    ["Runs on", [start.runtime, start.device].filter(Boolean).join(": ")],
    ...(last === undefined
      ? []
      : [
          ["Angular step", `${fixed(last.angularStep, 2)}°, then half of it`],
          [
            "Changes",
            last.changes
              ? `${fixed(last.changes.orientations, 1)}° and ${fixed(last.changes.offsets, 2)} Å`
              : unknown,
          ],
        ]),
    ...(last !== undefined && last.classes.length > 1 && !last.classes.some(({ fsc }) => fsc)
      ? [["Class sizes", last.classes.map(({ weight }) => percent(weight)).join(", ")]]
      : []),
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A refinement: its map, how far it is, what it found. `children` stand below the measures, `before` above everything. */
export function RunView({
  model,
  waiting,
  children,
  after,
}: {
  readonly model: RunModel;
  /** What to say before there is a map. */
  readonly waiting: ComponentChildren;
  readonly children?: ComponentChildren;
  readonly after?: ComponentChildren;
}) {
  const record = model.record.value;
  const live = model.live.value;
  const { maps, problem } = useMaps(model);
  const figures = useFigures(model);
  const [chosen, setChosen] = useState(0);
  const shown = maps[Math.min(chosen, maps.length - 1)];
  return (
    <div class="run">
      <div class="run-top">
        <section class="run-map" aria-label="Map">
          {problem !== undefined && <Notice kind="problem">The map cannot be shown: {problem}</Notice>}
          {shown === undefined ? (
            problem === undefined && <div class="run-waiting">{waiting}</div>
          ) : (
            <>
              {maps.length > 1 && (
                <fieldset class="choice">
                  <legend class="visually-hidden">Map shown</legend>
                  {maps.map(({ name }, k) => (
                    <button
                      key={mapName(name)}
                      type="button"
                      aria-pressed={name === shown.name}
                      onClick={() => setChosen(k)}
                    >
                      {mapName(name)}
                    </button>
                  ))}
                </fieldset>
              )}
              <MapView shown={shown} label={mapName(shown.name)} />
            </>
          )}
        </section>
        <section class="run-side" aria-label="State of the refinement">
          {record !== undefined && (
            <>
              <Measures record={record} live={live} />
              <Progress record={record} live={live} />
            </>
          )}
          {children}
          {record !== undefined && <Facts record={record} />}
        </section>
      </div>
      {record !== undefined && record.warnings.length > 0 && (
        <Notice>
          {record.warnings.length === 1 ? (
            record.warnings[0].message
          ) : (
            <ul>
              {record.warnings.map(({ message }) => (
                <li key={message}>{message}</li>
              ))}
            </ul>
          )}
        </Notice>
      )}
      {shown !== undefined && (
        <section class="run-slices">
          <h2>Slices</h2>
          <Slices map={shown.map} />
        </section>
      )}
      {figures.length > 0 && (
        <section>
          <h2>How it went</h2>
          <div class="figures">
            {figures.map((figure) => (
              <Figure key={figure.id} {...figure} />
            ))}
          </div>
        </section>
      )}
      {after}
    </div>
  );
}
