import * as Plot from "@observablehq/plot";
import { UserError } from "../../../errors.js";
import { type PointGroup, pointGroup } from "../../../geometry/symmetry.js";
import { binDirections, type DirectionBin, mollweide } from "../directions.js";
import type { Directions } from "../files.js";
import { counted, degrees, fixed, percent } from "../numbers.js";
import { draw, type Figure } from "../plot.js";

/** Lower limits of the colours, in densities of uniform directions; empty bins have the first. */
const limits = [0, 0.25, 0.5, 1, 1.5, 2, 4, 8];

const colourOf = (density: number) =>
  `var(--heat-${density === 0 ? 0 : 1 + limits.findLastIndex((limit) => density >= limit)})`;

const legend = [
  { label: "empty", colour: "var(--heat-0)" },
  ...limits.map((limit, index) => ({
    label:
      index === 0
        ? `under ${limits[1]}`
        : index === limits.length - 1
          ? `${limit} or more`
          : `${limit}–${limits[index + 1]}`,
    colour: `var(--heat-${index + 1})`,
  })),
];

const steps = (from: number, to: number, number: number) =>
  Array.from({ length: number + 1 }, (_, i) => from + ((to - from) * i) / number);

/** Outline of a bin in the projection; its edges of constant tilt are straight there. */
function outline({ rot, tilt }: DirectionBin): [number, number][] {
  const side = (r: number, from: number, to: number) => steps(from, to, 3).map((t) => mollweide(r, t));
  const ring = [...side(rot[0], tilt[1], tilt[0]), ...side(rot[1], tilt[0], tilt[1])];
  return [...ring, ring[0]];
}

function graticule(): Plot.Markish[] {
  const lines = [
    ...steps(-180, 180, 6).map((rot) => steps(0, 180, 60).map((tilt) => mollweide(rot, tilt))),
    ...steps(30, 150, 4).map((tilt) => [-180, 180].map((rot) => mollweide(rot, tilt))),
  ];
  const rots = steps(-120, 120, 4).map((rot) => ({ at: mollweide(rot, 90), text: degrees(rot) }));
  const tilts = steps(30, 150, 4).map((tilt) => ({ at: mollweide(-180, tilt), text: degrees(tilt) }));
  const place = { x: (label: { at: number[] }) => label.at[0], y: (label: { at: number[] }) => label.at[1] };
  return [
    Plot.geo(
      { type: "MultiLineString", coordinates: lines },
      { stroke: "var(--ink)", strokeOpacity: 0.22, strokeWidth: 0.6 },
    ),
    Plot.text(rots, {
      ...place,
      text: "text",
      dy: 8,
      stroke: "var(--paper)",
      strokeWidth: 3,
      strokeOpacity: 0.85,
      fill: "var(--ink)",
    }),
    Plot.text(tilts, { ...place, text: "text", dx: -7, textAnchor: "end", fill: "var(--quiet)" }),
  ];
}

/** Undefined where the name of the symmetry is not known here. */
function groupOf(symmetry: string): PointGroup | undefined {
  try {
    return pointGroup(symmetry);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return undefined;
  }
}

/** How few bins hold half of the directions, as a share of all. */
function halfShare(bins: readonly DirectionBin[]): number {
  const counts = bins.map((bin) => bin.count).sort((a, b) => b - a);
  const total = counts.reduce((sum, n) => sum + n, 0);
  let sum = 0;
  const needed = counts.findIndex((n) => {
    sum += n;
    return 2 * sum >= total;
  });
  return (needed + 1) / counts.length;
}

/** Viewing directions of the particles and their symmetry mates, in bins of equal area. */
export function orientationsFigure(directions: Directions, symmetry: string): Figure | undefined {
  const { rot, tilt, iteration, file } = directions;
  if (rot.length === 0) return undefined;
  const known = groupOf(symmetry);
  const group = known ?? pointGroup("C1");
  const bins = binDirections(rot, tilt, group);
  const most = bins.reduce((a, b) => (b.count > a.count ? b : a));
  const empty = bins.filter((bin) => bin.count === 0).length;
  const middle = ([from, to]: readonly [number, number]) => degrees((from + to) / 2);
  const mates =
    known === undefined
      ? ` (symmetry ${symmetry} is not known: without mates)`
      : group.operators.length > 1
        ? ` with the symmetry mates of ${group.name}`
        : "";
  const title = "Angular distribution";
  const summary =
    `Viewing directions of ${counted(rot.length, "particle")}${mates} after iteration ${iteration} (${file}), in ${bins.length} bins of equal area. ` +
    `The densest bin, at rot ${middle(most.rot)}, tilt ${middle(most.tilt)}, holds ${fixed(most.density, 1)} times what uniform directions would; ` +
    `half of the directions lie in ${percent(halfShare(bins), 0)} of the sphere; empty bins: ${empty}.`;
  const features = bins.map((bin) => ({
    type: "Feature",
    properties: { colour: colourOf(bin.density) },
    geometry: { type: "Polygon", coordinates: [outline(bin)] },
  }));
  const corners = [-180, 180].map((r) => mollweide(r, 90)).concat([0, 180].map((t) => mollweide(0, t)));
  const drawing = draw("orientations", title, summary, {
    width: 1160,
    height: 560,
    marginLeft: 60,
    marginRight: 60,
    marginTop: 8,
    marginBottom: 8,
    projection: { type: "reflect-y", domain: { type: "MultiPoint", coordinates: corners } },
    color: { type: "identity" },
    marks: [
      Plot.geo(features, {
        fill: (feature: (typeof features)[number]) => feature.properties.colour,
        stroke: (feature: (typeof features)[number]) => feature.properties.colour,
        strokeWidth: 0.4,
      }),
      ...graticule(),
    ],
  });
  return {
    id: "orientations",
    title,
    summary: `${summary} Mollweide projection: rot to the right, tilt downwards. Colour: density over uniform.`,
    drawings: [drawing],
    legend,
    wide: true,
  };
}
