import * as v from "valibot";
import { counted } from "../../../src/app/report/numbers.js";
import { UserError } from "../../../src/errors.js";
import { checkTrace, type MemoryTrace } from "../../../src/runtime/trace.js";
import type { GivenFile } from "../job/given-files.js";

/** What `cryotile monitor` put into the address of the page that it serves; it stays there as the visitor changes rooms. */
export const token: string | null = new URLSearchParams(location.search).get("token");

/** A file of a job's folder. `modified`: seconds since 1970. */
export interface FolderFile {
  readonly name: string;
  readonly size: number;
  readonly modified: number;
}

/** What a folder holds, and when by the clock of its machine. */
export interface Listing {
  readonly now: number;
  readonly files: readonly FolderFile[];
}

/** The folder of a job, wherever it is. */
export interface JobSource {
  readonly name: string;
  /** Whether it may change while one looks. */
  readonly live: boolean;
  list(): Promise<Listing>;
  /** A file from a byte on. */
  file(name: string, from?: number): Promise<Blob>;
}

const listing = v.object({
  job: v.string(),
  now: v.number(),
  files: v.array(v.object({ name: v.string(), size: v.number(), modified: v.number() })),
});

/** The server said no, with a status of HTTP, or nothing at all. */
export class ServerError extends Error {
  constructor(
    readonly status: number | undefined,
    message: string,
  ) {
    super(message);
  }
}

async function ask(path: string, secret: string): Promise<Response> {
  const response = await fetch(`./api/${path}`, { headers: { "x-cryotile-token": secret } }).catch(() => {
    throw new ServerError(undefined, "cryotile monitor does not answer; it was ended, or this machine slept");
  });
  if (!response.ok) throw new ServerError(response.status, (await response.text()).trim());
  return response;
}

/** The folder that `cryotile monitor` serves beside this page. */
export async function openServer(secret: string): Promise<JobSource> {
  const list = async () => v.parse(listing, await (await ask("files", secret)).json());
  const { job } = await list();
  return {
    name: job,
    live: true,
    list,
    file: async (name, from = 0) =>
      (await ask(`file?${new URLSearchParams({ name, from: String(from) })}`, secret)).blob(),
  };
}

const arenaAnswer = v.object({
  job: v.string(),
  trace: v.unknown(),
  left: v.number(),
  seconds: v.number(),
  iteration: v.optional(v.number()),
  planned: v.optional(v.number()),
});

type ArenaAnswer = Omit<v.InferOutput<typeof arenaAnswer>, "trace"> & { readonly trace: MemoryTrace };

/** The arena of the run that writes to the served folder, a `WatchedArena`; undefined where none runs, or nothing is served. */
export async function askArena(): Promise<ArenaAnswer | undefined> {
  if (token === null) return undefined;
  try {
    const told = v.parse(arenaAnswer, await (await ask("arena", token)).json());
    return { ...told, trace: checkTrace(told.trace, told.job) };
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return undefined;
    throw error;
  }
}

/**
 * A folder that the visitor gave: what it held then.
 * @throws UserError where it holds no run
 */
export function givenSource(given: readonly GivenFile[]): JobSource {
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
  // Folders of jobs may hold others: of those that hold a run the outermost one is shown.
  const folder = given
    .filter(({ path }) => /(^|\/)(events\.jsonl|[^/]*_optimiser\.star)$/.test(path))
    .map(({ path }) => folderOf(path))
    .sort((a, b) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1))
    .at(0);
  if (folder === undefined)
    throw new UserError(
      `${counted(given.length, "file")} and no run: neither events.jsonl nor run_itNNN_optimiser.star is among them.`,
    );
  const here = given.filter(({ path }) => folderOf(path) === folder);
  const files = new Map(here.map(({ file }) => [file.name, file]));
  const parts = (here[0]?.path ?? "").split("/");
  return {
    name: parts.at(-2) ?? "Folder",
    live: false,
    list: async () => ({
      now: Date.now() / 1000,
      files: [...files.values()].map(({ name, size, lastModified }) => ({
        name,
        size,
        modified: lastModified / 1000,
      })),
    }),
    async file(name, from = 0) {
      const file = files.get(name);
      if (file === undefined) throw new Error(`${name}: is not in the folder`);
      return file.slice(from);
    },
  };
}
