import type { ByteSource } from "../../formats/source.js";
import { denseBytes, groupedBytes, pairBytes, smallerLayout } from "../../runtime/weights.js";
import { checkWeights, readWeightsHead } from "../../runtime/weights-file.js";

/** A file of compressed weights. `parents` and `samples` count those of one particle, kept or not. */
export interface WeightsDescription {
  readonly file: string;
  readonly format: "weights";
  readonly particles: number;
  readonly groups: number;
  readonly children: number;
  readonly parents: number;
  readonly samples: number;
  readonly valueBytes: 4 | 8;
  /** Kept parents a particle; absent where there are no particles. */
  readonly kept?: { readonly minimum: number; readonly mean: number; readonly maximum: number };
  /** Bytes of all particles in the three layouts, by the formulas of docs/weights.md. */
  readonly bytes: { readonly grouped: number; readonly dense: number; readonly pairs: number };
  readonly smaller: "dense" | "grouped";
}

/** Read the head of a weights file and, where `values` is set, check all its values. */
export async function describeWeights(source: ByteSource, values: boolean): Promise<WeightsDescription> {
  const head = await readWeightsHead(source);
  if (values) await checkWeights(source, head);
  const { children, samples, start_i, valueBytes } = head;
  const particles = start_i.length - 1;
  const groups = head.firstSample_g.length;
  const parents = samples / children;
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = 0;
  for (let i = 0; i < particles; i++) {
    const kept = start_i[i + 1] - start_i[i];
    minimum = Math.min(minimum, kept);
    maximum = Math.max(maximum, kept);
  }
  return {
    file: source.name,
    format: "weights",
    particles,
    groups,
    children,
    parents,
    samples,
    valueBytes,
    ...(particles > 0 && { kept: { minimum, mean: groups / particles, maximum } }),
    bytes: {
      grouped: groupedBytes(groups, children, valueBytes),
      dense: denseBytes(particles * parents, children, valueBytes),
      pairs: pairBytes(groups, children, valueBytes),
    },
    smaller: smallerLayout(groups, particles * parents, children, valueBytes),
  };
}
