import Table from "cli-table3";
import { Command } from "commander";
import { scopes } from "../../runtime/arena.js";
import { formatTime } from "../../text.js";
import { formatBytes } from "../bytes.js";
import { type PlannedIteration, planRun, type RunPlan } from "../refine/plan.js";

const help = `Usage: cryotile plan [--json] [--no-time] OPTIONS OF cryotile refine

What the run will take: device memory by scope, batch sizes, host memory and time. Reads STAR files and maps, no image of a particle.
  --json     print JSON instead of a table
  --no-time  memory alone: nothing is computed on the device
`;

const keeps: Readonly<Record<string, string>> = {
  views: "slices and views of all orientations",
  slices: "slices of all orientations",
  nothing: "nothing",
};

function rows(iterations: readonly PlannedIteration[]): string[][] {
  const row = (name: string, of: (iteration: PlannedIteration) => string) => [name, ...iterations.map(of)];
  const timed = iterations.some(({ time }) => time !== undefined);
  return [
    row("scores", ({ correlation }) => (correlation ? "correlations" : "likelihoods")),
    row("image size, coarse and fine pass", ({ sizes }) => `${sizes.coarse}, ${sizes.fine}`),
    row("coarse samples of a particle", ({ classes, orientations, translations }) =>
      formatBytes(classes * orientations * translations),
    ),
    row("particles of a batch", ({ batch }) => String(batch)),
    row("kept through the iteration", ({ keep }) => keeps[keep]),
    ...scopes.map((scope) => row(`bytes of scope ${scope}`, ({ byScope }) => formatBytes(byScope[scope]))),
    row("peak bytes", ({ peak }) => formatBytes(peak)),
    row("largest buffer, bytes", ({ largestBuffer }) => formatBytes(largestBuffer)),
    ...(timed
      ? [
          row("estimated time", ({ time }) => (time === undefined ? "" : formatTime(time.estimate))),
          row("measured for it", ({ time }) =>
            time === undefined
              ? ""
              : `${time.particles} particles ${time.seconds.toFixed(2)} s, once ${time.fixed.toFixed(2)} s`,
          ),
        ]
      : []),
  ];
}

function format(plan: RunPlan): string {
  const { iterations, host } = plan;
  const table = new Table({
    head: ["", ...iterations.map(({ what }) => what)],
    colAligns: ["left", ...iterations.map(() => "right" as const)],
    style: { head: [], border: [] },
  });
  table.push(...rows(iterations));
  return [
    `${formatBytes(plan.particles)} particles of ${plan.box} pixels (${plan.pixelSize} A), ${plan.refinesSearch ? "until it converges" : `iterations ${plan.firstIteration} to ${plan.lastIteration}`}`,
    `${plan.runtime} on ${plan.device}: ${formatBytes(plan.memory)} bytes to use, at most ${formatBytes(plan.maxBufferBytes)} in one buffer`,
    table.toString(),
    `host: ${formatBytes(host.images)} bytes for images (${host.imagesKept ? "all stay in memory" : "read in every iteration"}), ${formatBytes(host.maps)} for maps, of ${formatBytes(host.allowed)}`,
    ...(plan.refinesSearch
      ? [
          "The search becomes finer where the refinement asks for it; the plan is for the one that it begins with.",
        ]
      : []),
    ...(iterations.some(({ time }) => time !== undefined)
      ? [
          `Times are estimates: made-up particles (projections of the reference with noise) are timed on this device and scaled to all of them; reading images is not in them, and how many samples real particles keep is not known before.`,
        ]
      : []),
  ].join("\n");
}

/** `cryotile plan`: what `cryotile refine` with the same options will take. */
export function planCommand(): Command {
  return new Command("plan")
    .description(
      "print what a refinement will take (memory by scope, batches, time) before a particle is read",
    )
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_options: unknown, command: Command) => {
      const own = new Set(["--json", "--no-time"]);
      const args = command.args.filter((word) => !own.has(word));
      if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
        console.log(help);
        return;
      }
      const plan = await planRun(args, { time: !command.args.includes("--no-time") });
      console.log(command.args.includes("--json") ? JSON.stringify(plan, null, 2) : format(plan));
    });
}
