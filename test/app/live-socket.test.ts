import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ask, listen, NoAnswerError, type RunSocket } from "../../src/app/live/socket.js";

describe.skipIf(process.platform === "win32")("the socket of a run", () => {
  const user = process.getuid?.() ?? 0;
  let root: string;
  let job: string;
  let folder: string;
  const open: RunSocket[] = [];
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "cryo-"));
    job = join(root, "job");
    mkdirSync(job);
    for (const name of ["session", "tmp"]) mkdirSync(join(root, name));
    vi.stubEnv("XDG_RUNTIME_DIR", join(root, "session"));
    vi.stubEnv("TMPDIR", join(root, "tmp"));
    folder = join(root, "session", `cryotile-${user}`);
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.close();
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true });
  });
  const fail = (error: Error) => {
    throw error;
  };
  const serve = async (text: string | (() => string), where = job) => {
    const socket = await listen(where, typeof text === "string" ? () => text : text, fail);
    open.push(socket);
    return socket;
  };

  /** The socket of a process that is killed. */
  const leave = async (path: string) => {
    const left = spawn(process.execPath, [
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("on"))`,
    ]);
    await new Promise((on) => left.stdout.once("data", on));
    left.kill("SIGKILL");
    await new Promise((ended) => left.once("exit", ended));
  };

  test("answers who asks for the same folder, by any of its names; in a folder of this user alone", async () => {
    const { path } = await serve("one");
    symlinkSync(job, join(root, "link"));
    expect([await ask(job), await ask(join(root, "link")), await ask(join(root, "job/../job"))]).toEqual([
      "one",
      "one",
      "one",
    ]);
    expect(path.startsWith(folder)).toBe(true);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(await ask(root)).toBeUndefined();
  });

  test("a text of megabytes comes whole", async () => {
    const text = "0123456789".repeat(400_000);
    await serve(text);
    expect(await ask(job)).toBe(text);
  });

  test("half an answer of a run that ends is none", async () => {
    const socket = await serve("x".repeat(2 ** 24));
    const asked = ask(job);
    await new Promise((connected) => connect(socket.path, () => connected(undefined)).on("error", () => {}));
    socket.close();
    expect([undefined, 2 ** 24]).toContain((await asked)?.length);
    const { path } = await serve("one");
    open.pop()?.close();
    await wait(20);
    const broken = createServer((client) => client.end('{"half":"of an an')).listen(path);
    await new Promise((on) => broken.once("listening", on));
    expect(await ask(job)).toBeUndefined();
    await new Promise((ended) => broken.close(ended));
  });

  test("is gone when it is closed", async () => {
    const socket = await serve("one");
    socket.close();
    await wait(20);
    expect(readdirSync(folder)).toEqual([]);
    expect(await ask(job)).toBeUndefined();
  });

  test("replaces what a killed run left, and not a run that answers", async () => {
    const { path } = await serve("one");
    await expect(listen(job, () => "two", fail)).rejects.toThrow(/another run writes to the same folder/);
    expect(await ask(job)).toBe("one");
    open.pop()?.close();
    await wait(20);
    await leave(path);
    expect(existsSync(path)).toBe(true);
    expect(await ask(job)).toBeUndefined();
    expect((await serve("three")).path).toBe(path);
    expect(await ask(job)).toBe("three");
  });

  test("removes what runs of other folders left a minute ago or more, and no socket that answers", async () => {
    const { path } = await serve("one");
    const [old, young, file] = ["old.sock", "young.sock", "notes"].map((name) => join(folder, name));
    for (const left of [old, young]) await leave(left);
    writeFileSync(file, "");
    const before = Date.now() / 1000 - 100;
    for (const aged of [old, file, path]) utimesSync(aged, before, before);
    mkdirSync(join(root, "other"));
    const { path: other } = await serve("two", join(root, "other"));
    expect(readdirSync(folder).sort()).toEqual([young, file, path, other].map((at) => basename(at)).sort());
    expect(await ask(job)).toBe("one");
  });

  test("is in the folder for temporary files where the session has none", async () => {
    for (const session of ["", join(root, "no"), "relative"]) {
      vi.stubEnv("XDG_RUNTIME_DIR", session);
      const { path, close } = await serve("one");
      expect(path.startsWith(join(root, "tmp", `cryotile-${user}`))).toBe(true);
      // Who asks may have a session, though the run has none.
      vi.stubEnv("XDG_RUNTIME_DIR", join(root, "session"));
      expect(await ask(job)).toBe("one");
      close();
      await wait(20);
    }
    expect(existsSync(join(root, "no"))).toBe(false);
  });

  test.each([
    ["that others may enter", (path: string) => mkdirSync(path, { mode: 0o755 })],
    [
      "that others may write to",
      (path: string) => {
        mkdirSync(path);
        chmodSync(path, 0o777);
      },
    ],
    ["that is a file", (path: string) => writeFileSync(path, "", { mode: 0o600 })],
    [
      "that is a link",
      (path: string) => {
        mkdirSync(join(root, "elsewhere"), { mode: 0o700 });
        symlinkSync(join(root, "elsewhere"), path);
      },
    ],
  ])("neither listens nor asks in a folder %s", async (_, make) => {
    vi.stubEnv("XDG_RUNTIME_DIR", "");
    const { path } = await serve("one");
    open.pop()?.close();
    const own = join(root, "tmp", `cryotile-${user}`);
    rmSync(own, { recursive: true });
    make(own);
    await expect(listen(job, () => "two", fail)).rejects.toThrow(/is not a folder of this user alone/);
    if (statSync(own).isDirectory()) {
      const strange = createServer((socket) => socket.end("strange\n")).listen(path);
      await new Promise((on) => strange.once("listening", on));
      expect(await ask(job)).toBeUndefined();
      await new Promise((ended) => strange.close(ended));
    }
  });

  test("a path that is too long for a socket is told", async () => {
    vi.stubEnv("XDG_RUNTIME_DIR", "");
    const long = join(root, "l".repeat(80));
    mkdirSync(long);
    vi.stubEnv("TMPDIR", long);
    await expect(listen(job, () => "one", fail)).rejects.toThrow(
      /too long for a socket \(at most 103 bytes\)/,
    );
  });

  test("who asks and goes away, and an answer that cannot be made, harm nothing", async () => {
    const told: string[] = [];
    let broken = false;
    const socket = await listen(
      job,
      () => {
        if (broken) throw new Error("no answer today");
        return "x".repeat(2 ** 22);
      },
      (error) => told.push(error.message),
    );
    open.push(socket);
    for (let n = 0; n < 20; n++)
      connect(socket.path)
        .on("error", () => {})
        .destroy();
    expect((await ask(job))?.length).toBe(2 ** 22);
    broken = true;
    for (let n = 0; n < 3; n++) expect(await ask(job).catch(() => undefined)).toBeUndefined();
    broken = false;
    expect((await ask(job))?.length).toBe(2 ** 22);
    expect(told).toEqual(["no answer today"]);
  });

  test("a run that finds no time to answer is told as such", async () => {
    const { path } = await serve("one");
    open.pop()?.close();
    await wait(20);
    const silent = createServer(() => {}).listen(path);
    await new Promise((on) => silent.once("listening", on));
    await expect(ask(job)).rejects.toThrow(NoAnswerError);
    silent.close();
  }, 20_000);

  test.each([
    ["left open", "", false],
    ["closed while somebody does not read", "socket.close()", true],
  ])(
    "keeps no process alive: %s",
    async (_, last, withIdler) => {
      const module = join(import.meta.dirname, "../../dist/src/app/live/socket.js");
      const program = `import { listen } from ${JSON.stringify(module)};
      const socket = await listen(${JSON.stringify(job)}, () => "x".repeat(2 ** 24), console.error);
      console.log(socket.path);
      setTimeout(() => { ${last} }, 500);`;
      const run = spawn(process.execPath, ["--input-type=module", "-e", program]);
      const ended = new Promise((exit) => run.once("exit", exit));
      const path = await new Promise<string>((told) =>
        run.stdout.once("data", (text: Buffer) => told(text.toString().trim())),
      );
      const idler = withIdler ? connect(path) : undefined;
      idler?.on("error", () => {}).pause();
      expect(await Promise.race([ended, wait(4000, "still there")])).toBe(0);
      idler?.destroy();
      run.kill();
    },
    20_000,
  );
});
