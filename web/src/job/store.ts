import * as v from "valibot";
import { canStore, jobsFolder, logName, StoredFolder } from "./folder.js";
import { lockOf, type StoredJob } from "./job.js";
import { runtimeChoices, usualMemory } from "./words.js";

const schema = v.object({
  id: v.string(),
  title: v.string(),
  words: v.array(v.string()),
  runtime: v.picklist(runtimeChoices),
  memory: v.optional(v.number(), usualMemory),
  created: v.number(),
  inputStored: v.boolean(),
  iterations: v.number(),
});

/** The jobs that this browser keeps for the page, the newest first. */
export async function storedJobs(): Promise<StoredJob[]> {
  if (!(await canStore())) return [];
  const jobs: StoredJob[] = [];
  for await (const name of (await jobsFolder()).keys()) {
    const job = await storedJob(name);
    if (job !== undefined) jobs.push(job);
    // What cannot be removed now is tried again with the next visit.
    else await clearUnbegun(name).catch(() => {});
  }
  return jobs.sort((a, b) => b.created - a.created);
}

/** Undefined where there is no such job, or nothing that can be read. */
export async function storedJob(id: string): Promise<StoredJob | undefined> {
  try {
    const folder = await StoredFolder.open(id);
    const parsed = v.safeParse(schema, JSON.parse(await (await folder.file("job.json")).text()));
    return parsed.success && (await folder.exists(logName)) ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** What a page leaves that was closed while it copied or made particles takes room and is of no use. */
const clearUnbegun = (id: string): Promise<void> =>
  navigator.locks.request(lockOf(id), { ifAvailable: true }, async (lock) => {
    if (lock !== null && !(await (await StoredFolder.open(id)).exists(logName))) await removeJob(id);
  });

/** Jobs that this tab or another one works on. */
export async function busyJobs(): Promise<(id: string) => boolean> {
  const { held = [] } = await navigator.locks.query();
  return (id) => held.some(({ name }) => name === lockOf(id));
}

/** Waits until no tab works on a job. */
export const untilFree = (id: string, signal: AbortSignal): Promise<void> =>
  navigator.locks.request(lockOf(id), { signal }, () => {});

export async function removeJob(id: string): Promise<void> {
  await (await jobsFolder()).removeEntry(id, { recursive: true });
}
