import { basename, dirname } from "node:path";
import { UserError } from "../../../src/errors.js";
import { type ByteSink, blobSource, type Disk, memorySink } from "../../../src/formats/source.js";

/** The folder of a job inside the page. */
export interface JobFolder extends Disk {
  /** @throws UserError where there is no such file */
  file(path: string): Promise<Blob>;
  /** Paths of all files, in order. */
  list(): Promise<string[]>;
  /** Append to a file that is kept open until `close`. */
  append(path: string, text: string): Promise<(more: string) => void>;
  /** Ends appending. */
  close(): void;
}

const logName = "events.jsonl";
const absent = (path: string) => new UserError(`${path}: cannot open: no such file or folder`);

/** A folder in the storage that the browser keeps for this page (OPFS). Writing needs a worker. */
export class StoredFolder implements JobFolder {
  private readonly logs: FileSystemSyncAccessHandle[] = [];

  private constructor(private readonly root: FileSystemDirectoryHandle) {}

  static async open(name: string, create = false): Promise<StoredFolder> {
    return new StoredFolder(await (await jobsFolder()).getDirectoryHandle(name, { create }));
  }

  async file(path: string): Promise<File> {
    try {
      return await (await (await this.folder(path, false)).getFileHandle(basename(path))).getFile();
    } catch (cause) {
      if ((cause as DOMException).name === "NotFoundError") throw absent(path);
      throw new UserError(`${path}: cannot open: ${(cause as Error).message}`, { cause });
    }
  }

  async open(path: string) {
    return blobSource(await this.file(path), path);
  }

  async exists(path: string): Promise<boolean> {
    try {
      await (await this.folder(path, false)).getFileHandle(basename(path));
      return true;
    } catch {
      return false;
    }
  }

  async create(path: string): Promise<ByteSink> {
    const folder = await this.folder(path, true);
    const name = basename(path);
    const temporary = `${name}.tmp`;
    const handle = await folder.getFileHandle(temporary, { create: true });
    const file = await handle.createSyncAccessHandle();
    file.truncate(0);
    let length = 0;
    const put = (bytes: Uint8Array, at: number) => {
      let written = 0;
      try {
        written = file.write(bytes, { at });
      } catch (cause) {
        throw new UserError(`${path}: cannot write: ${(cause as Error).message}`, { cause });
      }
      if (written < bytes.length)
        throw new DOMException(`${path}: cannot write: the storage is full`, "QuotaExceededError");
    };
    return {
      name: path,
      async write(bytes) {
        put(bytes, length);
        length += bytes.length;
      },
      async patch(bytes, offset) {
        if (offset + bytes.length > length) throw new RangeError(`${path}: patch beyond what was written`);
        put(bytes, offset);
      },
      async commit() {
        file.flush();
        file.close();
        await handle.move(name);
      },
      async abort() {
        file.close();
        await folder.removeEntry(temporary);
      },
    };
  }

  async append(path: string, text: string): Promise<(more: string) => void> {
    const handle = await (await this.folder(path, true)).getFileHandle(basename(path), { create: true });
    const log = await handle.createSyncAccessHandle();
    this.logs.push(log);
    const encoder = new TextEncoder();
    log.truncate(0);
    let length = 0;
    const add = (more: string) => {
      length += log.write(encoder.encode(more), { at: length });
      log.flush();
    };
    add(text);
    return add;
  }

  close(): void {
    for (const log of this.logs.splice(0)) log.close();
  }

  async list(): Promise<string[]> {
    const paths: string[] = [];
    const walk = async (folder: FileSystemDirectoryHandle, before: string): Promise<void> => {
      for await (const [name, entry] of folder.entries())
        if (entry.kind === "directory") await walk(entry as FileSystemDirectoryHandle, `${before}${name}/`);
        else if (!name.endsWith(".tmp")) paths.push(`${before}${name}`);
    };
    await walk(this.root, "");
    return paths.sort();
  }

  private async folder(path: string, create: boolean): Promise<FileSystemDirectoryHandle> {
    let folder = this.root;
    const parts = dirname(path).split("/");
    for (const part of parts)
      if (part !== "" && part !== ".") folder = await folder.getDirectoryHandle(part, { create });
    return folder;
  }
}

/** A folder that is gone when the page is: for browsers that store nothing. `onFile` is told every file that is complete. */
export class MemoryFolder implements JobFolder {
  private readonly files: Map<string, Blob>;
  private readonly logs = new Set<string>();

  /** `held`: files that an earlier folder was told. */
  constructor(
    private readonly onFile?: (path: string, file: Blob) => void,
    held: readonly (readonly [path: string, file: Blob])[] = [],
  ) {
    this.files = new Map(held);
  }

  async file(path: string): Promise<Blob> {
    const file = this.files.get(path.replace(/^\.\//, ""));
    if (file === undefined) throw absent(path);
    return file;
  }

  async open(path: string) {
    return blobSource(await this.file(path), path);
  }

  async exists(path: string): Promise<boolean> {
    return this.files.has(path);
  }

  async create(path: string): Promise<ByteSink> {
    const sink = memorySink(path);
    return {
      ...sink,
      commit: async () => this.put(path, new Blob([sink.bytes() as Uint8Array<ArrayBuffer>])),
    };
  }

  async append(path: string, text: string): Promise<(more: string) => void> {
    let whole = text;
    this.logs.add(path);
    this.files.set(path, new Blob([whole]));
    return (more) => {
      whole += more;
      this.files.set(path, new Blob([whole]));
    };
  }

  close(): void {
    for (const path of this.logs) this.onFile?.(path, this.files.get(path) as Blob);
  }

  put(path: string, file: Blob): void {
    this.files.set(path, file);
    this.onFile?.(path, file);
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()].sort();
  }
}

/** Where jobs are stored. */
export async function jobsFolder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle("jobs", { create: true });
}

/** Whether this browser stores files for the page. */
export async function canStore(): Promise<boolean> {
  try {
    await jobsFolder();
    return typeof FileSystemFileHandle.prototype.move === "function";
  } catch {
    return false;
  }
}

export { logName };
