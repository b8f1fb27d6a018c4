import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { UserError } from "../../errors.js";
import { startMonitor } from "../monitor/server.js";

/** The page as it is built beside the program. */
const builtPage = fileURLToPath(new URL("../../../web/", import.meta.url));

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isSafeInteger(port) || port < 0 || port > 65535)
    throw new UserError(`--port ${text}: must be a whole number from 0 to 65535`);
  return port;
}

/** `cryotile monitor JOBFOLDER`: the page for a run that is going on or was. */
export function monitorCommand(): Command {
  return new Command("monitor")
    .description("watch a run in a browser of this machine: one of cryotile refine, live, or a RELION job")
    .argument("<jobfolder>", "folder that the refinement writes to")
    .option("--port <number>", "port to serve on; 0 for one that is free", parsePort, 0)
    .action(async (job: string, { port }: { port: number }) => {
      const monitor = await startMonitor({ job, page: builtPage, port });
      console.log(`${monitor.url}\nonly this machine can open it; end with Ctrl-C`);
      for (const signal of ["SIGINT", "SIGTERM"] as const)
        process.once(signal, () => {
          monitor.close();
        });
    });
}
