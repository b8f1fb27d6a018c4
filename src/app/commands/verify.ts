import Table from "cli-table3";
import { Command } from "commander";
import * as v from "valibot";
import { UserError } from "../../errors.js";
import type { Runtime } from "../../runtime/contract.js";
import { openReference } from "../../runtime/reference/index.js";
import { webGpuTolerances } from "../../runtime/tolerances.js";
import { type Agreement, compareCase, contractCases } from "../../runtime/verify/index.js";
import { openWebGpu } from "../../runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../../runtime/webgpu/node.js";

const optionsSchema = v.object({
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

/** `cryotile verify`: every operation of the WebGPU runtime against the float64 reference, on random inputs. Exit code 1 where one fails. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("compare every operation of this machine's WebGPU runtime with the float64 reference")
    .option("--json", "print rows of operation, variant, runtime, error, tolerance, ok")
    .option("--seed <n>", "seed of the random inputs (default: a new one each time)")
    .option("--software", "allow an adapter that runs on the processor")
    .option("--default-limits", "use no more than every WebGPU device has (128 MiB bindings)")
    .action(async (raw: unknown) => {
      const parsed = v.safeParse(optionsSchema, raw);
      if (!parsed.success) throw new UserError(parsed.issues[0].message);
      const { json, software, defaultLimits, seed = Date.now() % 2 ** 31 } = parsed.output;
      const adapter = await requestNodeAdapter(software);
      const reference = openReference();
      const gpu: Runtime = await openWebGpu(adapter, {
        loadShader: loadShaderFile,
        bytes: 2 ** 28,
        limits: defaultLimits ? "default" : "adapter",
      });
      const rows: Agreement[] = [];
      try {
        if (!json) console.log(`${gpu.capabilities.device}, seed ${seed}`);
        for (const test of contractCases(seed))
          rows.push(await compareCase(test, reference, gpu, webGpuTolerances));
      } finally {
        await gpu.close();
      }
      const failed = rows.filter((row) => !row.ok);
      if (json) console.log(JSON.stringify({ device: gpu.capabilities.device, seed, rows }, null, 2));
      else {
        console.log(formatTable(rows));
        for (const row of failed)
          console.log(
            `failed: ${row.operation} (${row.variant}): error ${row.error}, tolerance ${row.tolerance}`,
          );
        console.log(`${rows.length - failed.length} of ${rows.length} cases agree`);
      }
      if (failed.length > 0) process.exitCode = 1;
    });
}
