import type { CaseName } from "../../../src/app/small-case/recipes.js";
import { batches, iterations, puzzleAlignment, puzzleSamples, wantedReduction } from "./model/puzzles.js";
import { measuredFor, measurements, warmUps } from "./model/race.js";
import { caseSizes, kernelTile } from "./model/state.js";
import { breakEven, children, finer, globalSearch, layoutBytes } from "./model/weights.js";
import { bytesText, decimal } from "./text.js";

/** Sizes of a case and of the tiles that cover its table. */
function factsOf(name: CaseName) {
  const own = caseSizes[name];
  const { orientations, translations, particles, pixels } = own;
  const { side, depth } = kernelTile;
  const columns = particles * translations;
  return {
    ...own,
    columns,
    samples: orientations * columns,
    groups: Math.ceil(orientations / side) * Math.ceil(columns / side),
    fullGroups: Math.floor(orientations / side) * Math.floor(columns / side),
    parts: Math.ceil(pixels / depth),
  };
}

/** Numbers that the texts of a case name: `{columns}` in a text stands for the one of that name. */
export function facts(name: CaseName): Readonly<Record<string, string | number>> {
  const { orientations, translations } = globalSearch;
  const parents = orientations * translations;
  const crossing = (bytes: 4 | 8, layout: "pairs" | "grouped") =>
    decimal(breakEven(layout, bytes).toFixed(2));
  return {
    ...factsOf(name),
    ...kernelTile,
    smallRows: factsOf("tiny").orientations,
    smallColumns: factsOf("tiny").columns,
    largeFull: factsOf("box64").fullGroups,
    children,
    ...finer,
    searchOrientations: orientations,
    searchTranslations: translations,
    searchParents: parents,
    fineOrientations: orientations * finer.rotations,
    fineTranslations: translations * finer.shifts,
    denseBytes: bytesText(layoutBytes(0, parents, 4).dense),
    crossing: Math.round(100 * breakEven("grouped", 4)),
    pairs64: crossing(8, "pairs"),
    grouped64: crossing(8, "grouped"),
    measurements,
    measuredFor,
    warmUps,
    wantedReduction,
    puzzleRows: puzzleSamples.orientations,
    puzzleColumns: puzzleSamples.particles * puzzleSamples.translations,
    puzzleAlignment,
    batches,
    iterations,
  };
}
