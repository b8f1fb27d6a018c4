import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { ask, listen } from "../../src/app/live/socket.js";
import { ArenaWatch, type WatchedArena } from "../../src/app/live/watched-arena.js";
import { parseRefineArguments } from "../../src/app/refine/arguments.js";
import { type JobHost, runJob } from "../../src/app/refine/run.js";
import { nodeDisk } from "../../src/formats/node.js";
import { Arena } from "../../src/runtime/arena.js";
import { parseTrace } from "../../src/runtime/trace.js";
import { layOut } from "../../web/src/teach/model/memory.js";
import { cliPath, runCliWith } from "../support/cli.js";
import { openTestCpu } from "../support/runtimes.js";
import {
  eventsOf,
  expectSameFiles,
  refined,
  runtimeOptions,
  shortRun,
  tinyFolder,
} from "../support/tiny-job.js";

/** An iteration takes the cpu runtime some 0.05 s and has 130 events. */
const longer = [
  ...shortRun.map((word, n) => (shortRun[n - 1] === "--healpix_order" ? "1" : word)),
  ...runtimeOptions.cpu,
  ...["--verb", "0"],
];
const read = (text: string | undefined): WatchedArena => JSON.parse(text ?? "null") as WatchedArena;
const topOf = ({ trace }: WatchedArena) => trace.events.reduce((most, { top }) => Math.max(most, top), 0);
const session = mkdtempSync(join(tmpdir(), "cryo-"));
beforeAll(() => {
  vi.stubEnv("XDG_RUNTIME_DIR", session);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(session, { recursive: true, force: true });
});

test("events are kept from the first question until nobody has asked for a while", async () => {
  const watch = new ArenaWatch(80, 0);
  const arena = new Arena({ slabs: [2 ** 20], onEvent: watch.onEvent });
  const batch = () => {
    arena.push("job");
    arena.alloc("scores", 1000);
    arena.pop("job");
  };
  watch.attach({ job: "job012", arena, capacity: arena.capacity, alignment: arena.alignment });
  arena.alloc("reference", 5000);
  arena.push("iteration");
  for (let n = 0; n < 50; n++) batch();
  expect(watch.recording).toBe(false);
  watch.planned(3, 7168);
  const first = read(watch.answer());
  expect(first).toMatchObject({ job: "job012", seconds: 0, left: 0, iteration: 3, planned: 7168 });
  // What was held, and nothing of the fifty batches.
  expect(first.trace.events.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "alloc reference",
    "push iteration",
  ]);
  batch();
  expect(read(watch.answer()).trace.events.length).toBe(5);
  await wait(300);
  expect(watch.recording).toBe(false);
  batch();
  const again = read(watch.answer());
  expect([again.seconds, again.trace.events.length]).toEqual([0, 2]);
  watch.stop();
});

test("an answer is not made more often because more ask", () => {
  const watch = new ArenaWatch(1000, 60_000);
  const arena = new Arena({ slabs: [2 ** 20], onEvent: watch.onEvent });
  watch.attach({ job: "job", arena, capacity: arena.capacity, alignment: arena.alignment });
  const first = watch.answer();
  arena.alloc("reference", 5000);
  expect(watch.answer()).toBe(first);
  watch.stop();
});

describe("what looking costs", () => {
  const folder = tinyFolder();

  test("under 1% of the time of a run, and nothing while nobody looks", async () => {
    const before = process.cwd();
    process.chdir(folder);
    const watch = new ArenaWatch();
    let [spent, events, unasked, answers] = [0, 0, 0, 0];
    let looking = false;
    const timed = <T>(body: () => T): T => {
      const begun = performance.now();
      const value = body();
      spent += performance.now() - begun;
      return value;
    };
    const host: JobHost = {
      disk: nodeDisk,
      version: "0",
      freeBytes: () => 2 ** 31,
      async openRuntime(_, onEvent) {
        const runtime = await openTestCpu({
          onEvent: (event) => {
            onEvent(event);
            events++;
            if (!looking) unasked++;
            if (!looking) expect(watch.recording).toBe(false);
            timed(() => watch.onEvent(event));
          },
        });
        const { memory, capabilities, layout } = runtime;
        watch.attach({
          job: "job",
          arena: memory,
          capacity: capabilities.arenaBytes,
          alignment: layout.alignment,
        });
        return { runtime, reason: "test" };
      },
      log(event) {
        if (event.kind === "plan") watch.planned(event.iteration, event.peak);
      },
      print() {},
      warn() {},
      poll() {},
    };
    let since = 0;
    const ticks = setInterval(() => {
      if (!looking) [since, spent] = [performance.now(), 0];
      looking = true;
      timed(() => watch.answer());
      answers++;
    }, 1000);
    const words = [...longer, "--o", "cost/run", "--iter", "160"];
    mkdirSync("cost");
    try {
      await runJob(parseRefineArguments(words), words, host, async () => {});
    } finally {
      clearInterval(ticks);
      watch.stop();
      process.chdir(before);
    }
    const total = performance.now() - since;
    console.log(
      `watched once a second: ${spent.toFixed(1)} of ${total.toFixed(0)} ms (${((100 * spent) / total).toFixed(2)} %), ${events - unasked} events, ${answers} answers; ${unasked} events before the first question`,
    );
    expect(answers).toBeGreaterThan(2);
    expect(unasked).toBeGreaterThan(0);
    expect(spent / total).toBeLessThan(0.01);
  }, 120_000);

  test("the longest answer, to its end, takes under 1% of a second", async () => {
    const watch = new ArenaWatch(60_000, 0);
    const arena = new Arena({ slabs: [2 ** 40], onEvent: watch.onEvent });
    watch.attach({ job: "job", arena, capacity: arena.capacity, alignment: arena.alignment });
    const job = join(folder, "answer");
    mkdirSync(job);
    const socket = await listen(
      job,
      () => watch.answer(),
      (error) => expect.fail(error.message),
    );
    onTestFinished(() => {
      watch.stop();
      socket.close();
    });
    await ask(job);
    arena.push("iteration");
    // Just under the 4,000 events at which the oldest are left out.
    for (let batch = 0; batch < 95; batch++) {
      arena.push("job");
      for (let block = 0; block < 40; block++)
        arena.alloc(`a block with a name ${block}`, 12345 * (block + 1));
      arena.pop("job");
    }
    const asker = (
      count: number,
    ) => `import { ask } from ${JSON.stringify(join(cliPath, "../live/socket.js"))};
      for (let n = 0; n < ${count}; n++) console.log((await ask(${JSON.stringify(job)})).length);`;
    // Processor time of this process, which answers another one.
    const answer = async (count: number) => {
      const begun = process.cpuUsage();
      const child = spawn(process.execPath, ["--input-type=module", "-e", asker(count)], { stdio: "pipe" });
      let told = "";
      child.stdout.on("data", (text: Buffer) => {
        told += text;
      });
      await new Promise((ended) => child.once("close", ended));
      const { user, system } = process.cpuUsage(begun);
      return {
        ms: (user + system) / 1000,
        bytes: Number(told.split("\n")[0]),
        count: told.trim().split("\n").length,
      };
    };
    await answer(20);
    const [few, many] = [await answer(5), await answer(105)];
    const each = (many.ms - few.ms) / (many.count - few.count);
    console.log(`an answer of ${many.bytes} bytes takes ${each.toFixed(2)} ms of the processor of the run`);
    expect([few.count, many.count]).toEqual([5, 105]);
    expect(many.bytes).toBeGreaterThan(400_000);
    expect(each).toBeLessThan(10);
  }, 60_000);
});

describe("a run that is asked", () => {
  const folder = tinyFolder();
  const start = (name: string, iterations: number) =>
    spawn(process.execPath, [cliPath, "refine", ...longer, "--o", `${name}/run`, "--iter", `${iterations}`], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
  const sockets = () => {
    const own = join(session, `cryotile-${process.getuid?.()}`);
    return existsSync(own) ? readdirSync(own) : [];
  };
  const asked = async (job: string, until: Promise<unknown>, pause: number) => {
    const answers: WatchedArena[] = [];
    let over = false;
    until.then(() => {
      over = true;
    });
    while (!over) {
      const text = existsSync(job) ? await ask(job) : undefined;
      if (text !== undefined) answers.push(read(text));
      await wait(pause);
    }
    return answers;
  };

  test("tells its memory as the plan said it, leaves no socket and writes what it writes alone", async () => {
    const run = start("seen", 60);
    const ended = new Promise((exit) => run.once("exit", exit));
    const answers = await asked(join(folder, "seen"), ended, 100);
    expect(await ended).toBe(0);
    expect(statSync(join(session, `cryotile-${process.getuid?.()}`)).mode & 0o777).toBe(0o700);
    expect(sockets()).toEqual([]);
    expect(await ask(join(folder, "seen"))).toBeUndefined();
    expect(answers.length).toBeGreaterThan(5);
    expect(answers[0]).toMatchObject({ job: "seen", seconds: 0 });
    const plans = eventsOf(join(folder, "seen")).flatMap((event) => (event.kind === "plan" ? [event] : []));
    const planned = Math.max(...plans.map(({ peak }) => peak));
    for (const answer of answers) {
      const { tops } = layOut(parseTrace(JSON.stringify(answer.trace), "live"));
      expect([...tops]).toEqual(answer.trace.events.map(({ top }) => top));
      expect(topOf(answer)).toBeLessThanOrEqual(planned);
      if (answer.iteration !== undefined)
        expect(plans.find(({ iteration }) => iteration === answer.iteration)?.peak).toBe(answer.planned);
    }
    expect(Math.max(...answers.map(topOf))).toBe(planned);
    // Some 8,000 events: the last answers are samples, and say so.
    expect(answers.at(-1)?.left).toBeGreaterThan(0);
    // The same root, so that the files can be compared.
    const kept = join(folder, "kept");
    renameSync(join(folder, "seen"), kept);
    refined(folder, ...longer, "--o", "seen/run", "--iter", "60");
    expectSameFiles(kept, join(folder, "seen"));
  }, 120_000);

  test("a run that was killed leaves a socket, which the next one replaces", async () => {
    const killed = start("killed", 400);
    const gone = new Promise((exit) => killed.once("exit", exit));
    const job = join(folder, "killed");
    await expect.poll(() => (existsSync(job) ? ask(job) : undefined), { timeout: 20_000 }).toBeDefined();
    killed.kill("SIGKILL");
    await gone;
    expect(sockets().length).toBe(1);
    expect(await ask(job)).toBeUndefined();
    const next = start("killed", 400);
    try {
      await expect.poll(() => ask(job), { timeout: 20_000 }).toBeDefined();
      // A third one goes on without, and says so.
      const other = runCliWith({}, folder, "refine", ...longer, "--o", "killed/other", "--iter", "1");
      expect([other.status, other.stderr]).toEqual([
        0,
        expect.stringMatching(/^warning: the memory of this run cannot be watched live: another run/m),
      ]);
      expect(await ask(job)).toBeDefined();
    } finally {
      next.kill();
      await new Promise((exit) => next.once("exit", exit));
    }
  }, 120_000);

  test("where nobody may listen the run goes on and says so once", () => {
    vi.stubEnv("XDG_RUNTIME_DIR", join(folder, "none"));
    const shared = mkdtempSync(join(tmpdir(), "cryo-"));
    mkdirSync(join(shared, `cryotile-${process.getuid?.()}`), { mode: 0o755 });
    const variables = { TMPDIR: shared };
    const { status, stderr } = runCliWith(
      variables,
      folder,
      "refine",
      ...longer,
      "--o",
      "not/run",
      "--iter",
      "1",
    );
    vi.stubEnv("XDG_RUNTIME_DIR", session);
    rmSync(shared, { recursive: true });
    expect(status).toBe(0);
    expect(stderr.match(/cannot be watched live: .* is not a folder of this user alone/g)?.length).toBe(1);
    const warnings = eventsOf(join(folder, "not")).filter(({ kind }) => kind === "warning");
    expect(warnings.length).toBe(1);
  }, 60_000);
});
