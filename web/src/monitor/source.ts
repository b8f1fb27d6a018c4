import * as v from "valibot";
import type { GivenFile } from "../job/given-files.js";

/** A file of a job's folder. `modified`: seconds since 1970. */
export interface FolderFile {
  readonly name: string;
  readonly size: number;
  readonly modified: number;
}

/** The folder of a job, wherever it is. */
export interface JobSource {
  readonly name: string;
  /** Whether it may change while one looks. */
  readonly live: boolean;
  list(): Promise<readonly FolderFile[]>;
  /** A file from a byte on. */
  file(name: string, from?: number): Promise<Blob>;
}

const listing = v.object({
  job: v.string(),
  files: v.array(v.object({ name: v.string(), size: v.number(), modified: v.number() })),
});

/** The folder that `cryotile monitor` serves beside this page. */
export async function openServer(token: string): Promise<JobSource> {
  const ask = async (path: string): Promise<Response> => {
    const response = await fetch(`./api/${path}`, { headers: { "x-cryotile-token": token } }).catch(() => {
      throw new Error("cryotile monitor does not answer; it was ended, or this machine slept");
    });
    if (!response.ok) throw new Error((await response.text()).trim());
    return response;
  };
  const list = async () => v.parse(listing, await (await ask("files")).json());
  const { job } = await list();
  return {
    name: job,
    live: true,
    list: async () => (await list()).files,
    file: async (name, from = 0) =>
      (await ask(`file?${new URLSearchParams({ name, from: String(from) })}`)).blob(),
  };
}

/** A folder that the visitor gave: what it held then. */
export function givenSource(given: readonly GivenFile[]): JobSource {
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
  // Folders of jobs may hold others: of those that hold a run the outermost one is shown.
  const folder = given
    .filter(({ path }) => /(^|\/)(events\.jsonl|[^/]*_optimiser\.star)$/.test(path))
    .map(({ path }) => folderOf(path))
    .sort((a, b) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1))
    .at(0);
  const here = given.filter(({ path }) => folder === undefined || folderOf(path) === folder);
  const files = new Map(here.map(({ file }) => [file.name, file]));
  const parts = (here[0]?.path ?? "").split("/");
  return {
    name: parts.at(-2) ?? "Folder",
    live: false,
    list: async () =>
      [...files.values()].map(({ name, size, lastModified }) => ({
        name,
        size,
        modified: lastModified / 1000,
      })),
    async file(name, from = 0) {
      const file = files.get(name);
      if (file === undefined) throw new Error(`${name}: is not in the folder`);
      return file.slice(from);
    },
  };
}
