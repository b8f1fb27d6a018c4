import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Longest path that every system takes for a socket, bytes. */
const longestPath = 103;
/** A run that computes on one thread answers between two steps; milliseconds. */
const patience = 5000;
/** An answer is a few hundred kilobytes. */
const mostBytes = 2 ** 25;

/** What a run of this folder is asked by, while it goes on. */
export interface RunSocket {
  readonly path: string;
  close(): void;
}

/** The run is there and did not answer. */
export class NoAnswerError extends Error {}

/** Where sockets of this user may be, the likeliest first: the folder of the session, then that of temporary files. */
function places(job: string): { readonly folder: string; readonly path: string }[] {
  const user = process.getuid?.();
  // A named pipe, as Windows makes it, can be read by every user of the machine.
  if (user === undefined) throw new Error("this system has no sockets that are of one user alone");
  const name = createHash("sha256").update(realpathSync(job)).digest("hex").slice(0, 32);
  const session = process.env.XDG_RUNTIME_DIR;
  return [...(session !== undefined && isAbsolute(session) ? [session] : []), tmpdir()].map((parent) => {
    const folder = join(parent, `cryotile-${user}`);
    return { folder, path: join(folder, `${name}.sock`) };
  });
}

/** Throws where others could have put something into the folder, or look into it. */
function refuseShared(folder: string): void {
  const stat = lstatSync(folder);
  const mode = stat.mode & 0o777;
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (mode & 0o077) !== 0)
    throw new Error(
      `${folder} is not a folder of this user alone (mode ${mode.toString(8)}, user ${stat.uid}; 700 was expected): remove it`,
    );
}

function isOwn(folder: string): boolean {
  try {
    refuseShared(folder);
    return true;
  } catch {
    return false;
  }
}

/**
 * Answer whoever of this user connects with one line, then hang up. Listening keeps no process alive. The path follows from the real path of the
 * folder; what killed runs left is removed.
 * @param job - folder of the run, which is there
 * @param answer - makes the line, JSON by agreement
 * @param failed - told once when answering fails later on
 * @throws Error that says why there is no such socket
 */
export async function listen(
  job: string,
  answer: () => string,
  failed: (error: Error) => void,
): Promise<RunSocket> {
  const all = places(job);
  for (const { folder, path } of all)
    if (isOwn(folder) && (await isAlive(path)))
      throw new Error("another run writes to the same folder and is the one that answers");
  const reasons: string[] = [];
  for (const { folder, path } of all)
    try {
      if (Buffer.byteLength(path) > longestPath)
        throw new Error(`${path} is too long for a socket (at most ${longestPath} bytes)`);
      make(folder);
      refuseShared(folder);
      rmSync(path, { force: true });
      await removeDead(folder);
      return await listenAt(path, answer, failed);
    } catch (error) {
      reasons.push((error as Error).message);
    }
  throw new Error(reasons.join("; "));
}

/** What runs left that were killed. One that begins may not answer yet. */
async function removeDead(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSocket() && Date.now() - stat.mtimeMs > 60_000 && !(await isAlive(path)))
      rmSync(path, { force: true });
  }
}

function make(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

async function listenAt(
  path: string,
  answer: () => string,
  failed: (error: Error) => void,
): Promise<RunSocket> {
  const open = new Set<Socket>();
  let told = false;
  const fail = (error: unknown) => {
    if (!told) failed(error as Error);
    told = true;
  };
  const server = createServer((socket) => {
    open.add(socket.unref());
    socket.setTimeout(patience, () => socket.destroy());
    // Who asked may have gone.
    socket.on("error", () => {}).on("close", () => open.delete(socket));
    try {
      socket.resume().end(`${answer()}\n`);
    } catch (error) {
      fail(error);
      socket.destroy();
    }
  });
  await begin(server, path);
  server.unref().on("error", fail);
  return {
    path,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

const begin = (server: Server, path: string): Promise<void> =>
  new Promise((listening, refused) => {
    server.once("error", refused);
    server.listen(path, () => {
      server.off("error", refused);
      listening();
    });
  });

const isAlive = (path: string): Promise<boolean> =>
  new Promise((told) => {
    const socket = connect(path, () => {
      socket.destroy();
      told(true);
    }).on("error", ({ code }: NodeJS.ErrnoException) => told(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });

/**
 * What the run that writes to a folder answers; undefined where none of this user listens on this machine.
 * @throws NoAnswerError where one listens and does not answer in time
 */
export async function ask(job: string): Promise<string | undefined> {
  for (const { folder, path } of places(job)) {
    const text = isOwn(folder) ? await askAt(path) : undefined;
    if (text !== undefined) return text;
  }
  return undefined;
}

const askAt = (path: string): Promise<string | undefined> =>
  new Promise((answered, failed) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    let connected = false;
    const give = (message: string) => {
      failed(new NoAnswerError(message));
      socket.destroy();
    };
    const socket = connect(path, () => {
      connected = true;
    });
    socket.setTimeout(patience, () => give(`the run has not answered for ${patience / 1000} seconds`));
    socket
      .on("data", (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > mostBytes) give("the run answers without an end");
      })
      .on("end", () => {
        const text = Buffer.concat(parts).toString();
        // A run that ends hangs up in the middle of a line.
        answered(text.endsWith("\n") ? text.slice(0, -1) : undefined);
      })
      .on("error", (error) => (connected ? give(error.message) : answered(undefined)));
  });
