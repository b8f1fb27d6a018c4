import { type GivenFile, underInput } from "../job/given-files.js";
import { filesOf, type Handles } from "./handles.js";

/** What a visitor gave: files, and where the browser tells, what leads to them again. */
export interface Given {
  readonly files: readonly GivenFile[];
  readonly handles: Handles;
}

const isStar = ({ path }: GivenFile): boolean => /\.star$/i.test(path);

/** Stacks and maps that are given after their STAR file belong to it; another STAR file begins anew. */
export function together(before: Given | undefined, now: Given): Given {
  if (before === undefined || now.files.some(isStar)) return now;
  const paths = new Set(now.files.map(({ path }) => path));
  return {
    files: [...before.files.filter(({ path }) => !paths.has(path)), ...now.files],
    handles: [...before.handles, ...now.handles],
  };
}

/** Files of a folder that was dropped or chosen, with their paths. */
async function walk(entry: FileSystemEntry, found: GivenFile[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    found.push({ path: underInput(entry.fullPath), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A folder is told a hundred entries at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const each of some) await walk(each, found);
  }
}

/** What was dropped. The entries have to be taken before the event ends. */
export async function givenByDrop({ items }: DataTransfer): Promise<Given> {
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const handles = Promise.all([...items].map((item) => item.getAsFileSystemHandle?.()));
  const found: GivenFile[] = [];
  for (const entry of entries) await walk(entry, found);
  return { files: found, handles: (await handles.catch(() => [])).flatMap((handle) => handle ?? []) };
}

/** Asks for a folder where the browser has a way that lasts; undefined where the visitor gave none, or `instead` has to ask. */
export async function givenByPicker(instead: () => void): Promise<Given | undefined> {
  if (globalThis.showDirectoryPicker === undefined) {
    instead();
    return undefined;
  }
  try {
    const handle = await globalThis.showDirectoryPicker({ id: "particles" });
    return { files: await filesOf([handle]), handles: [handle] };
  } catch (error) {
    if ((error as DOMException).name === "AbortError") return undefined;
    throw error;
  }
}

/** What a file input chose: a folder or single files. */
export const givenByInput = (files: FileList): Given => ({
  files: [...files].map((file) => ({ path: underInput(file.webkitRelativePath || file.name), file })),
  handles: [],
});
