import { Command } from "commander";
import { refineHelp } from "../refine/arguments.js";
import { refine } from "../refine/job.js";

/** `cryotile refine`: options are RELION's and are parsed by their own table. */
export function refineCommand(): Command {
  return new Command("refine")
    .description("refine maps from particles: 3D classification and refinement, options as relion_refine")
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_options: unknown, command: Command) => {
      if (command.args.length === 0 || command.args.includes("--help") || command.args.includes("-h")) {
        console.log(refineHelp());
        return;
      }
      await refine(command.args);
    });
}
