import { existsSync } from "node:fs";
import { Command } from "commander";
import { UserError } from "../../errors.js";
import { describeFile, type FileDescription } from "../info/describe.js";
import { formatDescription } from "../info/format.js";

interface InfoOptions {
  json?: boolean;
  header?: boolean;
}

/** `cryotile info FILE...`: what files hold and whether they are sound. Exit code 1 when one of them is not. */
export function infoCommand(): Command {
  return new Command("info")
    .description("print what STAR, MRC, cryoSPARC .cs and weights files hold and whether they are sound")
    .argument("<file...>", "files to look at (.gz and .bz2 of MRC files too)")
    .option("--json", "print one JSON list instead of text")
    .option("--header", "do not read the pixels of MRC files (no statistics) and the values of weights files")
    .action(async (files: string[], options: InfoOptions) => {
      const sound: FileDescription[] = [];
      for (const file of files) {
        try {
          const description = await describeFile(file, {
            statistics: !options.header,
            imageExists: existsSync,
          });
          sound.push(description);
          if (!options.json) console.log(formatDescription(description));
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          console.error(`cryotile info: ${error.message}`);
          process.exitCode = 1;
        }
      }
      if (options.json) console.log(JSON.stringify(sound, null, 2));
    });
}
