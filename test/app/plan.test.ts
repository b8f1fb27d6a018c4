import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RunPlan } from "../../src/app/refine/plan.js";
import type { TraceEvent } from "../../src/runtime/arena.js";
import { summariseTrace } from "../../src/runtime/plan.js";
import { parseTrace } from "../../src/runtime/trace.js";
import { runCli } from "../support/cli.js";
import { eventsOf, refined, runtimeOptions, shortRun, tinyFolder } from "../support/tiny-job.js";
import { describeWebGpu } from "../support/webgpu.js";

const folder = tinyFolder();

function planned(...args: string[]): RunPlan {
  const { status, stdout, stderr } = runCli(folder, "plan", "--json", ...args);
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

/** The events of each iteration: the scopes in which sums are accumulated. */
function iterationsOf(events: readonly TraceEvent[]): TraceEvent[][] {
  const scopes: TraceEvent[][] = [];
  let open: TraceEvent[] | undefined;
  for (const event of events) {
    if (event.kind === "push" && event.scope === "iteration") open = [];
    open?.push(event);
    if (event.kind !== "pop" || event.scope !== "iteration" || open === undefined) continue;
    if (open.some(({ name }) => name === "accumulators")) scopes.push(open);
    open = undefined;
  }
  return scopes;
}

/** What the run said that it would take, what `cryotile plan` says, and what the device was asked for. */
function planIsTrace(job: string, ...args: string[]): void {
  const own = [...shortRun, ...args, "--o", `${job}/run`];
  const before = planned(...own, "--no-time").iterations;
  refined(folder, ...own, "--trace", `${job}.json`);
  const { events } = parseTrace(readFileSync(join(folder, `${job}.json`), "utf8"), job);
  const iterations = iterationsOf(events);
  const plans = eventsOf(join(folder, job)).filter((event) => event.kind === "plan");
  expect(plans.length).toBe(iterations.length);
  for (const [i, plan] of plans.entries()) {
    const { byScope } = summariseTrace(iterations[i]);
    expect(Math.max(...iterations[i].map(({ top }) => top))).toBe(plan.peak);
    expect(byScope).toEqual(plan.byScope);
    const told = before.find(({ what }) => what === `iteration ${i + 1}`);
    if (told !== undefined)
      expect([told.peak, told.byScope, told.batch]).toEqual([plan.peak, plan.byScope, plan.batch]);
  }
  expect(before[0].what).toBe("iteration 1");
}

/** Half sets go one after the other, in scopes of their own: the fullest of an iteration is what was planned. */
function planIsTraceOfHalves(): void {
  const own = [...shortRun, ...runtimeOptions.webgpu, ..."--auto_refine --split_random_halves".split(" ")];
  refined(folder, ...own, ..."--auto_iter_max 2 --o halves/run --trace halves.json".split(" "));
  const { events } = parseTrace(readFileSync(join(folder, "halves.json"), "utf8"), "halves");
  const tops = iterationsOf(events).map((scope) => Math.max(...scope.map(({ top }) => top)));
  const plans = eventsOf(join(folder, "halves")).flatMap((event) =>
    event.kind === "plan" ? [event.peak] : [],
  );
  expect(plans).toEqual([0, 2].map((at) => Math.max(tops[at], tops[at + 1])));
}

describe("cryotile plan", () => {
  const { reference } = runtimeOptions;

  test("equals the trace of the run to the byte", () =>
    planIsTrace("likelihood", ...reference, "--iter", "2", "--batch", "20"));

  test("tells bytes, batches and times before a particle is read", () => {
    const stack = readFileSync(join(folder, "noisy.mrcs"));
    writeFileSync(join(folder, "noisy.mrcs"), "");
    const { status, stdout, stderr } = runCli(folder, "plan", ...shortRun, ...reference, "--o", "x/run");
    writeFileSync(join(folder, "noisy.mrcs"), stack);
    expect([status, stderr]).toEqual([0, ""]);
    for (const text of [
      "60 particles of 32 pixels (4 A), iterations 1 to 50",
      /iteration 1 .* at full size/,
      /coarse samples of a particle .* 936 /,
      /bytes of scope iteration .*\d,\d{3}/,
      /peak bytes .*\d,\d{3}/,
      /kept through the iteration .* slices and views/,
      /estimated time .* \d+ s/,
      "Times are estimates",
      /^host: 983,040 bytes for images \(all stay in memory\)/m,
    ])
      expect(stdout).toMatch(text);
  });

  test("--memory gives smaller batches, and the least that works where there is too little", () => {
    const plan = planned(...shortRun, ...reference, "--no-time", "--memory", "30MB", "--o", "x/run");
    expect(plan.memory).toBe(30e6);
    for (const { peak, batch } of plan.iterations) {
      expect(peak).toBeLessThanOrEqual(30e6);
      expect(batch).toBeLessThan(60);
    }
    const options = [...shortRun, ...reference, "--no-time", "--o", "x/run"];
    const { status, stderr } = runCli(folder, "plan", ...options, "--memory", "9MB");
    expect(status).toBe(1);
    const least = /give it --memory (\d+MB) or more/.exec(stderr)?.[1] ?? stderr;
    expect(planned(...options, "--memory", least).iterations[0].batch).toBe(1);
  });

  test("--host-memory decides what stays there", () => {
    const options = [...shortRun, ...reference, "--no-time", "--o", "x/run"];
    const { host, iterations } = planned(...options, "--host-memory", "400kB");
    expect(host.imagesKept).toBe(false);
    expect(host.images).toBeLessThan(150e3);
    expect(iterations[0].batch).toBe(8);
  });

  test("of a run that is continued", () => {
    const plan = planned("--continue", "likelihood/run_it001_optimiser.star", "--o", "x/run", "--no-time");
    expect([plan.runtime, plan.firstIteration, plan.lastIteration]).toEqual(["reference", 2, 2]);
    expect(plan.iterations.map(({ what }) => what)).toEqual(["iteration 2", "at full size"]);
    expect(plan.iterations[0].batch).toBe(20);
  });

  test("refuses what refine refuses", () => {
    const { status, stderr } = runCli(folder, "plan", "--json", "--healpix_ordr", "1");
    expect([status, stderr]).toEqual([
      1,
      "cryotile: unknown option --healpix_ordr; did you mean --healpix_order?\n",
    ]);
    expect(runCli(folder, "plan").stdout).toContain("Usage: cryotile plan");
  });
});

describeWebGpu("cryotile plan on WebGPU", () => {
  test("equals the trace of a run with correlations and two classes, to the byte", () =>
    planIsTrace(
      "classes",
      ...runtimeOptions.webgpu,
      ..."--K 2 --firstiter_cc --iter 2 --memory 40MB".split(" "),
    ));

  test("equals the trace of two half sets", planIsTraceOfHalves);
});
