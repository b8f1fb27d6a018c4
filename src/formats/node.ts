import { access, type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError } from "../errors.js";
import type { ByteSink, ByteSource, Disk } from "./source.js";

/** Turn a system error about `path` into one line that says what to do. */
export function fileError(path: string, action: string, cause: unknown): UserError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reason =
    code === "ENOENT"
      ? "no such file or folder"
      : code === "EACCES" || code === "EPERM"
        ? "permission denied"
        : code === "ENOSPC"
          ? "the disk is full: free space or choose another folder"
          : code === "EISDIR"
            ? "is a folder, not a file"
            : code === "EFBIG"
              ? "the file system does not take a file this large"
              : String((cause as Error).message ?? cause);
  return new UserError(`${path}: cannot ${action}: ${reason}`, { cause });
}

/** Open a file for random access. Throws `UserError` naming the path and the reason. */
export async function openFile(path: string): Promise<ByteSource> {
  let handle: FileHandle;
  let size: number;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw fileError(path, "open", cause);
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new UserError(`${path}: is not a regular file`);
    size = stat.size;
  } catch (cause) {
    await handle.close();
    throw cause instanceof UserError ? cause : fileError(path, "open", cause);
  }
  let closed: Promise<void> | undefined;
  return {
    name: path,
    size,
    async readInto(target, offset) {
      let done = 0;
      try {
        while (done < target.length) {
          const { bytesRead } = await handle.read(target, done, target.length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
      } catch (cause) {
        throw fileError(path, "read", cause);
      }
      return done;
    },
    close() {
      closed ??= handle.close();
      return closed;
    },
  };
}

/**
 * Create `path` through a temporary file beside it, which `commit` flushes to disk and renames. Throws `UserError`
 * on a full disk or a missing folder; `abort` removes the temporary file.
 */
export async function createFile(path: string): Promise<ByteSink> {
  const temporary = `${path}.tmp-${process.pid}`;
  let handle: FileHandle;
  try {
    handle = await open(temporary, "w");
  } catch (cause) {
    throw fileError(path, `create (in ${dirname(path)})`, cause);
  }
  let length = 0;
  const put = async (bytes: Uint8Array, at: number) => {
    let done = 0;
    try {
      while (done < bytes.length) {
        done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
      }
    } catch (cause) {
      throw fileError(path, "write", cause);
    }
  };
  return {
    name: path,
    async write(bytes) {
      await put(bytes, length);
      length += bytes.length;
    },
    async patch(bytes, offset) {
      if (offset + bytes.length > length) throw new RangeError(`${path}: patch beyond what was written`);
      await put(bytes, offset);
    },
    async commit() {
      try {
        await handle.sync();
        await handle.close();
        await rename(temporary, path);
      } catch (cause) {
        throw fileError(path, "finish", cause);
      }
    },
    async abort() {
      await handle.close().catch(() => {});
      await rm(temporary, { force: true });
    },
  };
}

/** The files of this machine. */
export const nodeDisk: Disk = {
  open: openFile,
  create: createFile,
  exists: (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
};
