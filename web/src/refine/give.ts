import type { GivenFile } from "../job/given-files.js";
import { underInput } from "./state.js";

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
export async function givenByDrop({ items }: DataTransfer): Promise<GivenFile[]> {
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found: GivenFile[] = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** What a file input chose: a folder or single files. */
export const givenByInput = (files: FileList): GivenFile[] =>
  [...files].map((file) => ({ path: underInput(file.webkitRelativePath || file.name), file }));
