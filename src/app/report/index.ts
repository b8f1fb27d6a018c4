import { join } from "node:path";
import type { Disk } from "../../formats/source.js";
import { type MapSlices, readDirections, readSlices } from "./files.js";
import { renderPage } from "./page.js";
import { readRecord } from "./record.js";

/**
 * Write `report.html` into a job folder: one page about the run, whether it ended, failed or is still going. It stands alone: no
 * scripts, no references to other files or to the network.
 * @returns path of the page
 * @throws UserError where the folder has no log of a run or cannot be written to
 */
export async function writeReport(disk: Disk, jobFolder: string): Promise<string> {
  const job = await readRecord(disk, jobFolder);
  const directions = await readDirections(disk, jobFolder, job);
  const maps: (MapSlices | { problem: string })[] = [];
  for (const { map } of job.iterations.at(-1)?.classes ?? [])
    maps.push(await readSlices(disk, jobFolder, map));
  const path = join(jobFolder, "report.html");
  const file = await disk.create(path);
  try {
    await file.write(new TextEncoder().encode(renderPage({ job, directions, maps })));
    await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  }
  return path;
}
