/** Names of the files of one iteration, as RELION gives them. */
export interface IterationFiles {
  readonly data: string;
  readonly optimiser: string;
  readonly sampling: string;
  /** One model, or one of each half set. */
  readonly models: readonly string[];
  /** Maps by model and class. */
  readonly maps: readonly (readonly string[])[];
}

export const iterationName = (root: string, iteration: number): string =>
  `${root}_it${String(iteration).padStart(3, "0")}`;

/** `root` is what `--o` gives, `run` for instance. Names stand alone, without an iteration, where that is undefined: final results. */
export function iterationFiles(
  root: string,
  iteration: number | undefined,
  halves: boolean,
  classes: number,
): IterationFiles {
  const start = iteration === undefined ? root : iterationName(root, iteration);
  const parts = halves ? ["_half1", "_half2"] : [""];
  const classNames = Array.from({ length: classes }, (_, k) => `_class${String(k + 1).padStart(3, "0")}.mrc`);
  return {
    data: `${start}_data.star`,
    optimiser: `${start}_optimiser.star`,
    sampling: `${start}_sampling.star`,
    models: parts.map((part) => `${start}${part}_model.star`),
    maps: parts.map((part) => classNames.map((name) => `${start}${part}${name}`)),
  };
}
