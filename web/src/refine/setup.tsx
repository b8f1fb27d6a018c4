import { useEffect, useState } from "preact/hooks";
import { counted, memory } from "../../../src/app/report/numbers.js";
import { UserError } from "../../../src/errors.js";
import { pointGroup } from "../../../src/geometry/symmetry.js";
import { sphereFile } from "../job/given-files.js";
import { previewed } from "../job/preview.js";
import type { FoundMap, FoundParticles, Survey } from "../job/survey.js";
import { formatHash } from "../shell/route.js";
import { Notice } from "../shell/ui.js";
import { Mosaic } from "../view/mosaic.js";
import { viewWorker } from "../view/viewer.js";
import { defaultsFor, type SetupChoices, startFor } from "./defaults.js";
import { Field, Numeric } from "./field.js";
import { FileInput } from "./file-input.js";
import { type Given, together } from "./give.js";
import { MemoryField } from "./memory-field.js";
import { RuntimeField } from "./runtime-choice.js";
import { memoryChoice, pending, runtimeChoice, startGiven } from "./state.js";

/** What is wrong with a point group's name, or nothing. */
function symmetryProblem(name: string): string | undefined {
  if (name.trim() === "") return "A point group is asked for; C1 is none.";
  try {
    pointGroup(name);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

const shortPath = (path: string) => path.replace(/^input\//, "");

/** Problems that are told; of a folder of many STAR files the rest says nothing new. */
const mostProblems = 3;

/** What is wrong with the STAR files, those first that hold particles. */
function problemsOf({ problems }: Survey): string {
  const without = (message: string) => Number(/holds no particles$/.test(message));
  const messages = problems.map(({ message }) => shortPath(message));
  messages.sort((a, b) => without(a) - without(b));
  const more = messages.length - mostProblems;
  return [
    ...messages.slice(0, mostProblems),
    ...(more > 0 ? [`${counted(more, "more STAR file")} cannot be used either`] : []),
  ].join("; ");
}

function Form({ survey, given }: { readonly survey: Survey; readonly given: Given }) {
  const [particles, setParticles] = useState<FoundParticles>(survey.particles[0]);
  const fitting = (set: FoundParticles): FoundMap[] =>
    survey.maps.filter(
      ({ box, pixelSize }) => box === set.box && Math.abs(pixelSize - set.pixelSize) < 0.001,
    );
  const [choices, setChoices] = useState<SetupChoices>(() => defaultsFor(particles, fitting(particles)));
  const [keep, setKeep] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [starting, setStarting] = useState(false);
  const set = (some: Partial<SetupChoices>) => setChoices({ ...choices, ...some });
  const wrongSymmetry = symmetryProblem(choices.symmetry);
  const width = particles.box * particles.pixelSize;
  const maps = fitting(particles);
  const others = survey.maps.length + survey.otherVolumes - maps.length;
  const submit = async (event: Event) => {
    event.preventDefault();
    setStarting(true);
    try {
      await startGiven(
        {
          title: shortPath(particles.path),
          choices: { ...choices, particles: particles.path, seed: 1 },
          runtime: runtimeChoice.value,
          memory: memoryChoice.value,
        },
        given,
        keep,
        choices.reference === sphereFile ? particles : undefined,
      );
    } catch (error) {
      setProblem((error as Error).message);
      setStarting(false);
    }
  };
  return (
    <div class="refine-columns">
      <form class="refine-form" onSubmit={submit}>
        <fieldset>
          <legend>What was found</legend>
          <Field
            wide
            label="Particles"
            hint={[
              `${particles.box} pixels of ${particles.pixelSize} Å`,
              ...(particles.voltage === undefined ? [] : [`${particles.voltage} kV`]),
              counted(particles.stacks, "stack"),
            ].join(", ")}
          >
            {(ids) => (
              <select
                {...ids}
                value={particles.path}
                onChange={({ currentTarget: { value } }) => {
                  const found = survey.particles.find(({ path }) => path === value) ?? particles;
                  setParticles(found);
                  setChoices(defaultsFor(found, fitting(found)));
                }}
              >
                {survey.particles.map(({ path, count: n }) => (
                  <option key={path} value={path}>
                    {shortPath(path)}: {counted(n, "particle")}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field
            wide
            label="Starting map"
            {...(others > 0 && {
              hint: `${others} more ${others === 1 ? "is no cube with" : "are no cubes with"} the box and pixel size of the particles.`,
            })}
          >
            {(ids) => (
              <select
                {...ids}
                value={choices.reference}
                onChange={({ currentTarget: { value } }) => set(startFor(particles, value, choices.diameter))}
              >
                {maps.map(({ path }) => (
                  <option key={path} value={path}>
                    {shortPath(path)}
                  </option>
                ))}
                <option value={sphereFile}>None: a sphere</option>
              </select>
            )}
          </Field>
        </fieldset>
        <fieldset>
          <legend>Refinement</legend>
          <Numeric
            label="Diameter"
            unit="Å"
            value={choices.diameter}
            min={10}
            max={Math.floor(width)}
            step={1}
            hint={
              particles.diameter !== undefined
                ? "From the variance of the images around the centre."
                : particles.missing.length > 0
                  ? "Nearly the whole box: the images could not be looked at."
                  : "The images do not tell it: nearly the whole box."
            }
            onChange={(diameter) => set({ diameter })}
          />
          <Field
            label="Symmetry"
            hint={wrongSymmetry ?? "C1, C4, D2, T, O, I1 …"}
            wrong={wrongSymmetry !== undefined}
          >
            {(ids) => (
              <input
                {...ids}
                value={choices.symmetry}
                required
                ref={(input) => input?.setCustomValidity(wrongSymmetry ?? "")}
                aria-invalid={wrongSymmetry !== undefined}
                onInput={({ currentTarget }) => set({ symmetry: currentTarget.value })}
              />
            )}
          </Field>
          <div class="field wide">
            <div class="choice">
              <label>
                <input
                  type="radio"
                  name="kind"
                  checked={choices.halves}
                  onChange={() => set({ halves: true })}
                />
                <span>One structure</span>
              </label>
              <label>
                <input
                  type="radio"
                  name="kind"
                  checked={!choices.halves}
                  onChange={() => set({ halves: false })}
                />
                <span>Several classes</span>
              </label>
            </div>
            <small class="quiet">
              {choices.halves
                ? "Two half sets that are refined apart; their FSC tells the resolution."
                : "Particles are sorted as they are aligned."}
            </small>
          </div>
          {!choices.halves && (
            <Numeric
              label="Classes"
              value={choices.classes}
              min={1}
              max={20}
              step={1}
              onChange={(classes) => set({ classes })}
            />
          )}
          <Numeric
            label={choices.halves ? "Iterations at most" : "Iterations"}
            value={choices.iterations}
            min={1}
            max={200}
            step={1}
            onChange={(iterations) => set({ iterations })}
          />
          <Numeric
            label="Starting resolution"
            unit="Å"
            value={choices.startResolution}
            min={Math.ceil(2 * particles.pixelSize)}
            max={300}
            step={1}
            hint="The starting map is filtered to it."
            onChange={(startResolution) => set({ startResolution })}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={choices.ctf}
              disabled={!particles.ctf}
              onChange={({ currentTarget }) => set({ ctf: currentTarget.checked })}
            />
            Correct for the CTF{!particles.ctf && " (the STAR file has no defocus)"}
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={choices.ctfCorrected}
              disabled={!choices.ctf}
              onChange={({ currentTarget }) => set({ ctfCorrected: currentTarget.checked })}
            />
            The starting map is CTF-corrected
          </label>
        </fieldset>
        <fieldset>
          <legend>This browser</legend>
          <label class="check">
            <input
              type="checkbox"
              checked={keep}
              onChange={({ currentTarget }) => setKeep(currentTarget.checked)}
            />
            Keep a copy of the files ({memory(survey.bytes)}), to go on after a reload without giving them
            again
          </label>
          <RuntimeField
            value={runtimeChoice.value}
            onChange={(choice) => {
              runtimeChoice.value = choice;
            }}
          />
          <MemoryField
            value={memoryChoice.value}
            onChange={(megabytes) => {
              memoryChoice.value = megabytes;
            }}
          />
        </fieldset>
        {particles.missing.length > 0 && (
          <Notice kind="problem">
            Of {counted(particles.stacks, "stack")}, {particles.missing.length}{" "}
            {particles.missing.length === 1 ? "is" : "are"} not among the files, such as{" "}
            {particles.missing[0]}. Drop them here, or choose the folder that holds them:{" "}
            <FileInput
              folder
              label="Folder with the stacks"
              onGive={(more) => {
                pending.value = together(given, more);
              }}
            />
          </Notice>
        )}
        {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
        <button type="submit" class="primary" disabled={starting || particles.missing.length > 0}>
          Refine
        </button>
      </form>
      {particles.preview !== undefined && (
        <figure>
          <Mosaic
            pixels={particles.preview}
            box={particles.box}
            columns={4}
            rows={Math.ceil(Math.min(previewed, particles.count) / 4)}
            label="Some of the particle images"
          />
          <figcaption class="small quiet">Some of the images, as they are in the stacks.</figcaption>
        </figure>
      )}
    </div>
  );
}

/** Options of a refinement of the visitor's files. */
export function Setup() {
  const given = pending.value;
  const [survey, setSurvey] = useState<Survey>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    if (given === undefined) return;
    let here = true;
    setSurvey(undefined);
    setProblem(undefined);
    viewWorker()
      .survey(given.files)
      .then(
        (found) => here && setSurvey(found),
        (error: Error) => here && setProblem(error.message),
      );
    return () => {
      here = false;
    };
  }, [given]);
  return (
    <div class="refine-setup">
      <h1>Your particles</h1>
      {given === undefined ? (
        <Notice>
          Files are not kept between visits. <a href={formatHash("refine")}>Choose them again</a>.
        </Notice>
      ) : problem !== undefined ? (
        <Notice kind="problem">{problem}</Notice>
      ) : survey === undefined ? (
        <p class="lead quiet" role="status">
          Reading {counted(given.files.length, "file")}
        </p>
      ) : survey.particles.length === 0 ? (
        <Notice kind="problem">
          {survey.problems.length === 0
            ? `There is no STAR file in ${counted(given.files.length, "file")}: give a folder with a particle STAR file and its stacks.`
            : problemsOf(survey)}
        </Notice>
      ) : (
        <Form survey={survey} given={given} />
      )}
    </div>
  );
}
