import { writeFileSync } from "node:fs";
import Table from "cli-table3";
import { Command } from "commander";
import * as v from "valibot";
import { UserError } from "../../errors.js";
import { fileError } from "../../formats/node.js";
import type { Runtime } from "../../runtime/contract.js";
import { UnsupportedError } from "../../runtime/errors.js";
import { openReference } from "../../runtime/reference/index.js";
import { tolerancesOf } from "../../runtime/tolerances.js";
import { type Agreement, compareCase, contractCases } from "../../runtime/verify/index.js";
import { manifest } from "../manifest.js";
import { defaultMemory, openRuntime } from "../refine/device.js";
import { makeCase } from "../small-case/case.js";
import { compareNumbers, makeDump, smallCaseNumbers } from "../small-case/dump.js";
import { type JobAgreement, verifyJob } from "../verify-job.js";

/** Particles of `--job` where --particles says nothing. */
const jobParticles = 24;

const positive = (name: string) =>
  v.pipe(
    v.string(),
    v.regex(/^[1-9]\d*$/, `${name}: a whole number above 0 is expected`),
    v.transform(Number),
  );

const runtimes = ["auto", "cuda", "webgpu", "cpu"] as const;
const precisions = ["single", "double"] as const;
const others = ["reference", "webgpu", "cpu"] as const;

const optionsSchema = v.object({
  runtime: v.optional(v.picklist(runtimes, `--runtime: one of ${runtimes.join(", ")} is expected`), "auto"),
  precision: v.optional(
    v.picklist(precisions, `--precision: one of ${precisions.join(", ")} is expected`),
    "single",
  ),
  job: v.optional(v.boolean(), false),
  smallCase: v.optional(v.string()),
  against: v.optional(v.picklist(others, `--against: one of ${others.join(", ")} is expected`), "reference"),
  particles: v.optional(positive("--particles")),
  seed: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d+$/, "--seed: a whole number is expected"),
      v.transform(Number),
      v.maxValue(2 ** 32 - 1, "--seed: at most 4294967295"),
    ),
  ),
  json: v.optional(v.boolean(), false),
  software: v.optional(v.boolean(), false),
  defaultLimits: v.optional(v.boolean(), false),
});

/** The row of each operation with its worst case. */
function worstCases(rows: readonly Agreement[]): { worst: Agreement; cases: number; ok: boolean }[] {
  const byOperation = new Map<string, Agreement[]>();
  for (const row of rows) byOperation.set(row.operation, [...(byOperation.get(row.operation) ?? []), row]);
  return [...byOperation.values()].map((cases) => ({
    worst: cases.reduce((most, row) => (row.error > most.error ? row : most)),
    cases: cases.length,
    ok: cases.every((row) => row.ok),
  }));
}

function formatTable(rows: readonly Agreement[]): string {
  const table = new Table({
    head: ["operation", "runtime", "cases", "error", "tolerance", "ok"],
    style: { head: [], border: [] },
  });
  for (const { worst, cases, ok } of worstCases(rows))
    table.push([
      worst.operation,
      worst.runtime,
      cases,
      worst.error === 0 ? "0" : worst.error.toExponential(1),
      worst.tolerance === 0 ? "equal" : worst.tolerance.toExponential(0),
      ok ? "yes" : "NO",
    ]);
  return table.toString();
}

function formatJob(rows: readonly JobAgreement[]): string {
  const table = new Table({
    head: ["scores", "strategy", "poses", "significant", "Pmax or cc", "sigma2", "sums", "FSC", "ok"],
    style: { head: [], border: [] },
  });
  const decisions = (particles: number, other: number, wrong: number) =>
    other === 0 ? `${particles} equal` : `${other} differ, ${other - wrong} tied`;
  for (const row of rows)
    table.push([
      row.scores,
      row.strategy,
      decisions(row.particles, row.otherPoses, row.wrongPoses),
      decisions(row.particles, row.otherCounts, row.wrongCounts),
      row.best.toExponential(1),
      row.sigma2.toExponential(1),
      row.sums.toExponential(1),
      `1 - ${(1 - row.fsc).toExponential(1)}`,
      row.ok ? "yes" : "NO",
    ]);
  const wrong = rows.flatMap(({ scores, strategy, wrongCount }) =>
    wrongCount === undefined
      ? []
      : [
          `${scores}, ${strategy}: particle ${wrongCount.particle} keeps ${wrongCount.found} samples, ${wrongCount.expected} expected, ${wrongCount.least} to ${wrongCount.most} possible`,
        ],
  );
  return [table.toString(), ...wrong].join("\n");
}

interface JobRun {
  readonly json: boolean;
  readonly seed: number;
  readonly particles: number;
  readonly against: (typeof others)[number];
  readonly software: boolean;
}

/** A whole iteration instead of single operations. */
async function runJob(
  runtime: Runtime,
  words: readonly string[],
  { json, seed, particles, against: other, software }: JobRun,
): Promise<void> {
  const report = (line: string) => {
    if (!json) console.log(line);
  };
  const against = other === "reference" ? undefined : await openOther(other, software);
  const named = (opened: Runtime) => `${opened.name} on ${opened.capabilities.device}`;
  const told = against === undefined ? "the reference" : named(against);
  report(`${runtime.name} against ${told}`);
  try {
    const rows = await verifyJob(runtime, {
      words,
      seed,
      particles,
      report,
      ...(against === undefined ? {} : { against }),
    });
    const agree = rows.filter(({ ok }) => ok).length;
    if (json)
      console.log(
        JSON.stringify(
          { runtime: runtime.name, device: runtime.capabilities.device, against: told, seed, rows },
          null,
          2,
        ),
      );
    else
      console.log(
        `${formatJob(rows)}\n${agree} of ${rows.length} iterations of ${runtime.name} agree with ${told}`,
      );
    if (agree < rows.length) process.exitCode = 1;
  } finally {
    await against?.close();
  }
}

/** What `--against` names; where it is not there nothing was compared, which is no success. */
async function openOther(other: "webgpu" | "cpu", software: boolean): Promise<Runtime> {
  try {
    return (await openRuntime({ runtime: other, software, memory: defaultMemory })).runtime;
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UserError(`verify --against ${other}: nothing was compared: ${error.message}`, {
      cause: error,
    });
  }
}

/** Every operation on random inputs. */
async function runSuite(runtime: Runtime, seed: number, json: boolean): Promise<void> {
  const tolerances = tolerancesOf(runtime);
  const reference = openReference();
  const rows: Agreement[] = [];
  for (const test of contractCases(seed)) rows.push(await compareCase(test, reference, runtime, tolerances));
  const failed = rows.filter((row) => !row.ok);
  if (json)
    console.log(
      JSON.stringify({ runtime: runtime.name, device: runtime.capabilities.device, seed, rows }, null, 2),
    );
  else {
    console.log(formatTable(rows));
    for (const row of failed)
      console.log(
        `failed: ${row.operation} (${row.variant}): error ${row.error}, tolerance ${row.tolerance}`,
      );
    console.log(`${rows.length - failed.length} of ${rows.length} cases agree`);
  }
  if (failed.length > 0) process.exitCode = 1;
}

/** The small case of the Teach room, with all of its numbers in a file. */
async function runSmallCase(runtime: Runtime, path: string, json: boolean): Promise<void> {
  const data = await makeCase();
  const dump = makeDump(runtime, await smallCaseNumbers(runtime, data), manifest.version);
  const rows = compareNumbers(dump, await smallCaseNumbers(openReference(), data));
  try {
    writeFileSync(path, `${JSON.stringify(dump)}\n`);
  } catch (cause) {
    throw fileError(path, "write", cause);
  }
  const wrong = rows.filter(({ error, tolerance }) => error > tolerance);
  if (json) console.log(JSON.stringify({ runtime: dump.runtime, device: dump.device, rows }, null, 2));
  else
    for (const { what, error, tolerance } of rows)
      console.log(`${what}: error ${error.toExponential(1)}, ${tolerance.toExponential(1)} is allowed`);
  if (wrong.length > 0) process.exitCode = 1;
}

/** `cryotile verify`: every operation of a runtime against the float64 reference, on random inputs. Exit code 1 where one fails. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("compare every operation of this machine's runtime with the float64 reference")
    .option("--runtime <name>", `which runtime: ${runtimes.join(", ")} (default: auto, as refine chooses)`)
    .option("--precision <name>", "single (default), or double: float64 on cuda")
    .option(
      "--job",
      "compare a whole iteration instead, with every strategy; options of `cryotile refine` (--i, --ref, ...) choose the job, without --i a set is simulated",
    )
    .option("--against <name>", `with --job: what to compare with: ${others.join(", ")} (default: reference)`)
    .option(
      "--particles <n>",
      `with --job: particles to take, spread over the set (default: ${jobParticles})`,
    )
    .option(
      "--small-case <file>",
      "compute the small case of the page's Teach room instead, and write its numbers to a file",
    )
    .option("--json", "print rows of operation, variant, runtime, error, tolerance, ok")
    .option("--seed <n>", "seed of the random inputs (default: a new one each time)")
    .option("--software", "allow a WebGPU adapter that runs on the processor")
    .option("--default-limits", "use no more than every WebGPU device has (128 MiB bindings)")
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (raw: unknown, command: Command) => {
      const parsed = v.safeParse(optionsSchema, raw);
      if (!parsed.success) throw new UserError(parsed.issues[0].message);
      const {
        job,
        json,
        runtime,
        precision,
        software,
        defaultLimits,
        seed = Date.now() % 2 ** 31,
      } = parsed.output;
      const { particles = jobParticles, against, smallCase } = parsed.output;
      if (!job && against !== "reference")
        throw new UserError(`verify --against ${against}: whole iterations are compared with it; add --job`);
      if (job && smallCase !== undefined)
        throw new UserError("verify --small-case: is a check of its own; leave out --job");
      if (precision === "double" && runtime !== "cuda")
        throw new UserError("verify --precision double: cuda alone has a second precision; --runtime cuda");
      if (!job && command.args.length > 0)
        throw new UserError(
          `verify: ${command.args[0]} is not an option of it; with --job those of refine are`,
        );
      const { runtime: opened, reason } = await openRuntime({
        runtime,
        precision,
        software,
        memory: job ? defaultMemory : 2 ** 28,
        limits: defaultLimits ? "default" : "adapter",
      });
      const inputs = smallCase === undefined ? `, seed ${seed}` : "";
      if (!json) console.log(`${opened.name} on ${opened.capabilities.device} (${reason})${inputs}`);
      try {
        if (job) await runJob(opened, command.args, { json, seed, particles, against, software });
        else if (smallCase !== undefined) await runSmallCase(opened, smallCase, json);
        else await runSuite(opened, seed, json);
      } finally {
        await opened.close();
      }
    });
}
