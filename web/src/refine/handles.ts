import { del, get, set } from "idb-keyval";
import { UserError } from "../../../src/errors.js";
import { type GivenFile, underInput } from "../job/given-files.js";

/** Folders and files as the visitor gave them: a browser that has the File System Access API can find them again after a reload. */
export type Handles = readonly FileSystemHandle[];

const keyOf = (job: string) => `given to ${job}`;

/** Keep what was given to a job. Results do not depend on it: a browser that keeps nothing asks for the folder again. */
export async function keepHandles(job: string, handles: Handles): Promise<void> {
  if (handles.length > 0) await set(keyOf(job), handles).catch(() => {});
}

export const keptHandles = (job: string): Promise<Handles | undefined> =>
  get<Handles>(keyOf(job)).catch(() => undefined);

export const forgetHandles = (job: string): Promise<void> => del(keyOf(job)).catch(() => {});

/**
 * The files behind handles, with their paths. Asks the visitor where the browser wants that, so call it from a click.
 * @throws UserError where the visitor says no, or the files are gone
 */
export async function filesOf(handles: Handles): Promise<GivenFile[]> {
  const found: GivenFile[] = [];
  const walk = async (handle: FileSystemHandle, path: string): Promise<void> => {
    if (handle.kind === "file") {
      found.push({ path: underInput(path), file: await (handle as FileSystemFileHandle).getFile() });
      return;
    }
    for await (const [name, entry] of (handle as FileSystemDirectoryHandle).entries())
      await walk(entry, `${path}/${name}`);
  };
  for (const handle of handles) {
    if ((await handle.requestPermission?.({ mode: "read" })) === "denied")
      throw new UserError(`the browser was not allowed to read ${handle.name}; allow it, or give it again`);
    try {
      await walk(handle, handle.name);
    } catch (cause) {
      throw new UserError(`${handle.name} is not where it was (${(cause as Error).message}); give it again`, {
        cause,
      });
    }
  }
  return found;
}
