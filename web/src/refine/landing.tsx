import { useEffect, useRef, useState } from "preact/hooks";
import { count, counted } from "../../../src/app/report/numbers.js";
import { builtIn } from "../job/built-in-facts.js";
import type { StoredJob } from "../job/job.js";
import { running } from "../job/running.js";
import { busyJobs, removeJob, storedJobs } from "../job/store.js";
import type { RoomProps } from "../shell/rooms.js";
import { formatHash, go } from "../shell/route.js";
import { Notice } from "../shell/ui.js";
import { Mosaic } from "../view/mosaic.js";
import { viewWorker } from "../view/viewer.js";
import { FileInput } from "./file-input.js";
import { type Given, givenByPicker } from "./give.js";
import { forgetHandles } from "./handles.js";
import { RuntimeField } from "./runtime-choice.js";
import {
  type BuiltInWishes,
  forgetSession,
  heldJobs,
  pending,
  runtimeChoice,
  startBuiltIn,
} from "./state.js";

const columns = 6;
const rows = 5;

/** Some of the particles, as they are: hardly anything to see in one of them. */
function Particles() {
  const { box } = builtIn.plan;
  const [pixels, setPixels] = useState<Float32Array>();
  useEffect(() => {
    let here = true;
    viewWorker()
      .samples(columns * rows)
      .then((made) => here && setPixels(made));
    return () => {
      here = false;
    };
  }, []);
  return (
    <figure class="refine-particles">
      <Mosaic
        pixels={pixels}
        box={box}
        columns={columns}
        rows={rows}
        label={`${columns * rows} simulated particle images, almost all noise`}
      />
      <figcaption class="small quiet">
        {columns * rows} of the {count(builtIn.plan.count)} particles of the built-in set: projections of one
        molecule at unknown angles, ten times weaker than their noise.
      </figcaption>
    </figure>
  );
}

function Earlier() {
  const [jobs, setJobs] = useState<readonly (StoredJob & { readonly busy: boolean })[]>([]);
  const [problem, setProblem] = useState<string>();
  const look = async () => {
    const [found, busy] = await Promise.all([storedJobs(), busyJobs()]);
    setJobs([...heldJobs(), ...found].map((job) => ({ ...job, busy: busy(job.id) })));
  };
  const tell = (error: Error) => setProblem(error.message);
  const now = running.value;
  useEffect(() => {
    look().catch(tell);
  }, [now]);
  if (jobs.length === 0) return null;
  const remove = async (id: string, what: string) => {
    if (!confirm(`Remove ${what}, with all its files?`)) return;
    if (!heldJobs().some((job) => job.id === id)) await removeJob(id);
    await forgetHandles(id);
    forgetSession(id);
    await look();
  };
  return (
    <section class="refine-earlier">
      <h2>Earlier refinements</h2>
      <ul>
        {jobs.map(({ id, title, created, iterations, busy }) => {
          const when = new Date(created).toLocaleString(undefined, {
            dateStyle: "medium",
            timeStyle: "short",
          });
          const what = `${title} of ${when}`;
          return (
            <li key={id}>
              <a href={formatHash("refine", [id])}>{title}</a>
              <span class="quiet">
                {when}, {counted(iterations, "iteration")} asked for
              </span>
              {busy ? (
                <span class="small">Running</span>
              ) : (
                <button type="button" class="plain small" onClick={() => remove(id, what).catch(tell)}>
                  Remove
                  <span class="visually-hidden"> {what}</span>
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
    </section>
  );
}

/** The way back to what runs in this tab. */
function Back() {
  const now = running.value;
  if (now === undefined) return null;
  return (
    <Notice>
      <a href={formatHash("refine", [now.job.id])}>{now.name}</a> is being refined in this tab.
    </Notice>
  );
}

/** Least and largest values, and what they are multiples of. A box of 16 pixels is the smallest that holds the starting resolution. */
const wishes: Readonly<Record<keyof BuiltInWishes, readonly [number, number, number]>> = {
  particles: [2, Number.MAX_SAFE_INTEGER, 1],
  box: [16, Number.MAX_SAFE_INTEGER, 2],
  iterations: [1, Number.MAX_SAFE_INTEGER, 1],
  seed: [1, 2 ** 31 - 1, 1],
  memory: [2, Number.MAX_SAFE_INTEGER, 1],
};

/** What the address asks for, where it is a number that can be. */
const wishesOf = (query: URLSearchParams): BuiltInWishes =>
  Object.fromEntries(
    Object.entries(wishes).flatMap(([name, [least, largest, step]]) => {
      const value = Number(query.get(name) ?? Number.NaN);
      return value >= least && value <= largest && value % step === 0 ? [[name, value]] : [];
    }),
  );

export function Landing({ route }: RoomProps) {
  const folder = useRef<HTMLInputElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const [starting, setStarting] = useState(false);
  const [problem, setProblem] = useState<string>();
  const take = (given: Given) => {
    pending.value = given;
    go("refine", ["new"]);
  };
  const choose = async () => {
    try {
      const given = await givenByPicker(() => folder.current?.click());
      if (given !== undefined) take(given);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const wished = wishesOf(route.query);
  const start = async () => {
    setStarting(true);
    await startBuiltIn(wished, runtimeChoice.value);
  };
  return (
    <div class="refine-landing">
      <section class="refine-lead">
        <Back />
        <h1>A structure from noise, in this tab</h1>
        <p class="lead">
          CryoTile refines single-particle cryo-EM maps as RELION does, on your own graphics card or
          processor. Nothing is installed and nothing leaves this machine.
        </p>
        <div class="refine-start">
          <button type="button" class="primary" disabled={starting} onClick={start}>
            Refine the built-in set
          </button>
          <p class="small quiet">
            {counted(wished.particles ?? builtIn.plan.count, "particle")} of {wished.box ?? builtIn.plan.box}{" "}
            pixels, made here from a seed
          </p>
        </div>
        <div class="refine-own">
          <h2>Your particles</h2>
          <p>
            Drop a folder anywhere on this page: a particle STAR file (RELION 3.0 or later) with its stacks,
            and a starting map if there is one. Files are read a slice at a time from where they lie.
          </p>
          <p class="refine-buttons">
            <button type="button" onClick={choose}>
              Choose a folder
            </button>
            <button type="button" onClick={() => files.current?.click()}>
              Choose files
            </button>
            <FileInput folder hidden label="Folder with particles" input={folder} onGive={take} />
            <FileInput hidden label="STAR file, stacks and map" input={files} onGive={take} />
          </p>
          {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
        </div>
        <RuntimeField
          value={runtimeChoice.value}
          onChange={(choice) => {
            runtimeChoice.value = choice;
          }}
        />
      </section>
      <Particles />
      <Earlier />
    </div>
  );
}
