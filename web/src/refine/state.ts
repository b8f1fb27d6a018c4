import { effect, signal } from "@preact/signals";
import { builtIn, builtInChoices } from "../job/built-in-facts.js";
import { canStore } from "../job/folder.js";
import type { StoredJob } from "../job/job.js";
import { running } from "../job/running.js";
import { Session } from "../job/session.js";
import { storedJob } from "../job/store.js";
import { type Choices, type RuntimeChoice, usualMemory, wordsOf } from "../job/words.js";
import { go } from "../shell/route.js";
import type { Given } from "./give.js";
import { keepHandles } from "./handles.js";

/** Jobs that were started or opened since the page was, by name. */
const sessions = new Map<string, Session>();

// In whatever room one is: closing the tab ends what runs in it.
effect(() => {
  if (running.value === undefined) return;
  const leave = (event: BeforeUnloadEvent) => event.preventDefault();
  addEventListener("beforeunload", leave);
  return () => removeEventListener("beforeunload", leave);
});

/** Files that the visitor gave and that no job has taken yet. */
export const pending = signal<Given | undefined>(undefined);

/** Device memory of new jobs, megabytes. */
export const memoryChoice = signal(usualMemory);

/** Where new jobs run. */
export const runtimeChoice = signal<RuntimeChoice>("auto");

/** When it began, to the millisecond: another tab may begin one too. */
const newId = () => new Date().toISOString().slice(0, 23).replace(/[-:.]/g, "").replace("T", "-");

interface NewJob {
  readonly title: string;
  readonly choices: Choices;
  readonly runtime: RuntimeChoice;
  /** Of the device, megabytes. */
  readonly memory: number;
}

async function newSession(
  { title, choices, runtime, memory }: NewJob,
  inputStored: boolean,
): Promise<Session> {
  const job: StoredJob = {
    id: newId(),
    title,
    words: wordsOf(choices),
    runtime,
    memory,
    created: Date.now(),
    inputStored,
    iterations: choices.iterations,
  };
  const stored = await canStore();
  // Results are lost where the browser clears what it stores to make room; it may ask the visitor.
  if (stored) navigator.storage.persist?.().catch(() => {});
  const session = new Session(job, stored);
  sessions.set(job.id, session);
  return session;
}

/** What the address may ask of the first visit's refinement. */
export interface BuiltInWishes {
  readonly particles?: number;
  /** Pixels; the particles stay as large. */
  readonly box?: number;
  readonly iterations?: number;
  readonly seed?: number;
  /** Megabytes on the device. */
  readonly memory?: number;
}

/** Make the built-in set and refine it. */
export async function startBuiltIn(wishes: BuiltInWishes, runtime: RuntimeChoice): Promise<void> {
  const {
    particles = builtIn.plan.count,
    iterations = builtInChoices.iterations,
    seed = 1,
    box = builtIn.plan.box,
    memory = memoryChoice.value,
  } = wishes;
  const plan = {
    ...builtIn.plan,
    seed,
    box,
    pixelSize: (builtIn.plan.pixelSize * builtIn.plan.box) / box,
    count: particles,
    micrographs: Math.min(particles, builtIn.plan.micrographs),
  };
  const choices = { ...builtInChoices, iterations, seed };
  const session = await newSession({ title: "Built-in set", choices, runtime, memory }, true);
  session.begin({ given: [], simulate: plan, runtime, memory });
  go("refine", [session.job.id]);
}

/** Refine what the visitor gave. */
export async function startGiven(
  job: NewJob,
  { files, handles }: Given,
  keepInput: boolean,
  sphere: { readonly box: number; readonly pixelSize: number } | undefined,
): Promise<void> {
  const session = await newSession(job, keepInput && (await canStore()));
  session.give(files);
  if (!session.job.inputStored && session.stored) await keepHandles(session.job.id, handles);
  session.begin({
    given: files,
    runtime: job.runtime,
    memory: job.memory,
    ...(sphere === undefined ? {} : { sphere: { ...sphere, diameter: job.choices.diameter } }),
  });
  pending.value = undefined;
  go("refine", [session.job.id]);
}

/** A job by its name: one of this page, or one that the browser keeps. */
export async function openSession(id: string): Promise<Session | undefined> {
  const known = sessions.get(id);
  if (known !== undefined) return known;
  const job = await storedJob(id);
  if (job === undefined) return undefined;
  const session = new Session(job, true);
  await session.load();
  sessions.set(id, session);
  return session;
}

/** Jobs of this page that the browser does not store. */
export const heldJobs = (): StoredJob[] =>
  [...sessions.values()].flatMap(({ stored, job }) => (stored ? [] : [job])).reverse();

export const forgetSession = (id: string): boolean => sessions.delete(id);
