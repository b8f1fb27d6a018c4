import { iterationLimit, type JobRecord } from "../../../src/app/report/record.js";

/**
 * Seconds until the last iteration that was asked for, if the coming ones take as long as the last one did; undefined before one has ended and
 * where the run goes on until it converges. An automated refinement may end before.
 */
export function secondsLeft({ iterations, start, progress, phase }: JobRecord): number | undefined {
  const last = iterations.at(-1);
  const limit = iterationLimit(start);
  if (last === undefined || limit === undefined) return undefined;
  const each = Object.values(last.seconds).reduce((sum, seconds) => sum + seconds, 0);
  // RELION does not tell.
  if (each === 0) return undefined;
  const within =
    progress !== undefined && phase !== undefined && phase.iteration > last.iteration
      ? progress.done / progress.total
      : 0;
  return Math.max(0, (limit - last.iteration - within) * each);
}
