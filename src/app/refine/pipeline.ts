import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AbortedError } from "./run.js";

const exits = ["SUCCESS", "FAILURE", "ABORTED"] as const;
const marker = (exit: (typeof exits)[number]) => `RELION_JOB_EXIT_${exit}`;
const request = "RELION_JOB_ABORT_NOW";

/** The markers by which RELION's pipeline follows a job (`--pipeline_control`). */
export class Pipeline {
  constructor(private readonly folder: string | undefined) {}

  /** Markers of an earlier start go. */
  begin(): void {
    const { folder } = this;
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    for (const name of [...exits.map(marker), request]) rmSync(join(folder, name), { force: true });
  }

  /** @throws AbortedError where the run is asked to stop. */
  poll(): void {
    if (this.folder === undefined) return;
    const path = join(this.folder, request);
    if (!existsSync(path)) return;
    rmSync(path, { force: true });
    throw new AbortedError(
      `stopped on request (${path}); what is finished stays, and --continue with the last _optimiser.star goes on`,
    );
  }

  end(exit: (typeof exits)[number]): void {
    if (this.folder !== undefined) writeFileSync(join(this.folder, marker(exit)), "");
  }
}
