#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { UserError } from "../errors.js";
import { infoCommand } from "./commands/info.js";
import { inspectCommand } from "./commands/inspect.js";
import { memoryCommand } from "./commands/memory.js";
import { monitorCommand } from "./commands/monitor.js";
import { planCommand } from "./commands/plan.js";
import { refineCommand } from "./commands/refine.js";
import { reportCommand } from "./commands/report.js";
import { simulateCommand } from "./commands/simulate.js";
import { verifyCommand } from "./commands/verify.js";
import { manifest } from "./manifest.js";

const program = new Command("cryotile")
  .description(manifest.description)
  .version(manifest.version)
  .option("--debug", "print a stack trace with an error")
  .showHelpAfterError("(cryotile --help lists the commands, cryotile COMMAND --help its options)")
  .addCommand(refineCommand())
  .addCommand(planCommand())
  .addCommand(infoCommand())
  .addCommand(simulateCommand())
  .addCommand(inspectCommand())
  .addCommand(verifyCommand())
  .addCommand(memoryCommand())
  .addCommand(reportCommand())
  .addCommand(monitorCommand());

/** One line for errors that a user can act on; anything else is a fault of the program and says so. */
function describe(error: unknown): string {
  if (error instanceof UserError) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  return `internal error: ${message} (run again with --debug and report it)`;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    console.error(`cryotile: ${describe(error)}`);
    if (program.opts<{ debug?: boolean }>().debug && error instanceof Error) console.error(error.stack);
    process.exitCode = 1;
  }
}
