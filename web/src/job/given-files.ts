import { UserError } from "../../../src/errors.js";
import { type ByteSink, type ByteSource, blobSource, type Disk } from "../../../src/formats/source.js";
import type { JobFolder } from "./folder.js";

/** A file that the visitor gave, by its path inside what was given. */
export interface GivenFile {
  readonly path: string;
  readonly file: File;
}

/** Where the visitor's files stand, as the files of a run name them. */
export const inputFolder = "input";
/** Files as a run sees them. */
export const underInput = (path: string): string => `${inputFolder}/${path.replace(/^\/+/, "")}`;
/** The map to start from where the visitor has none. */
export const sphereFile = `${inputFolder}/sphere.mrc`;

/**
 * Files that the visitor gave. STAR files name stacks from the folder that a job was run in, which need not be the one that was given: a file is found
 * by the longest end of its path that is its own.
 */
export class GivenFiles {
  private readonly byEnd = new Map<string, GivenFile | undefined>();

  constructor(readonly files: readonly GivenFile[]) {
    for (const given of files)
      for (const end of ends(given.path)) this.byEnd.set(end, this.byEnd.has(end) ? undefined : given);
    for (const given of files) this.byEnd.set(given.path, given);
  }

  find(path: string): File | undefined {
    for (const end of ends(path)) {
      const found = this.byEnd.get(end);
      if (found !== undefined) return found.file;
    }
    return undefined;
  }
}

/** The path, and what is left of it without its first folders. STAR files that were made on Windows have backslashes. */
function ends(path: string): string[] {
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  return parts.map((_, first) => parts.slice(first).join("/"));
}

/** The disk of a run: what it writes lies in its folder, what it reads there or among the visitor's files. */
export class JobDisk implements Disk {
  constructor(
    private readonly folder: JobFolder,
    private readonly given: GivenFiles,
  ) {}

  async open(path: string): Promise<ByteSource> {
    const file = await this.givenFile(path);
    return file === undefined ? this.folder.open(path) : blobSource(file, path);
  }

  create(path: string): Promise<ByteSink> {
    if (path.startsWith(`${inputFolder}/`)) throw new UserError(`${path}: the given files are not changed`);
    return this.folder.create(path);
  }

  async exists(path: string): Promise<boolean> {
    return (await this.givenFile(path)) !== undefined || this.folder.exists(path);
  }

  /** What a run writes has no folder in its name. */
  private async givenFile(path: string): Promise<File | undefined> {
    return !path.includes("/") && (await this.folder.exists(path)) ? undefined : this.given.find(path);
  }
}
