import { Command } from "commander";
import { nodeDisk } from "../../formats/node.js";

/** `cryotile report JOBFOLDER`: the page about a run. */
export function reportCommand(): Command {
  return new Command("report")
    .description("write report.html, one page about a run that ended or is still going, into its folder")
    .argument("<jobfolder>", "folder that the refinement writes to: it has events.jsonl")
    .action(async (jobFolder: string) => {
      // The plotting library is loaded only where it is needed.
      const { writeReport } = await import("../report/index.js");
      console.log(await writeReport(nodeDisk, jobFolder));
    });
}
