import { useEffect, useRef, useState } from "preact/hooks";
import { scaleBar } from "../../../src/app/report/numbers.js";
import type { LoadedMap } from "./map.js";

const axes = ["x", "y", "z"] as const;
type Axis = (typeof axes)[number];
const seen = {
  x: "y to the right, z upwards",
  y: "x to the right, z upwards",
  z: "x to the right, y upwards",
};

/** Grey values of a plane, its first row at the top of the picture. */
function plane({ voxels, box, range: [black, white] }: LoadedMap, axis: Axis, at: number): ImageData {
  const image = new ImageData(box, box);
  const step = { x: [box, box * box, 1], y: [1, box * box, box], z: [1, box, box * box] }[axis];
  const scale = white > black ? 255 / (white - black) : 0;
  for (let row = 0; row < box; row++)
    for (let column = 0; column < box; column++) {
      const grey = (voxels[column * step[0] + (box - 1 - row) * step[1] + at * step[2]] - black) * scale;
      image.data.set([grey, grey, grey, 255], 4 * (row * box + column));
    }
  return image;
}

function Slice({ map, axis }: { readonly map: LoadedMap; readonly axis: Axis }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [place, setPlace] = useState(0.5);
  const at = Math.min(map.box - 1, Math.floor(place * map.box));
  useEffect(() => {
    canvas.current?.getContext("2d")?.putImageData(plane(map, axis, at), 0, 0);
  }, [map, axis, at]);
  const bar = scaleBar(map.box * map.pixelSize);
  return (
    <div class="slice">
      <div class="slice-picture">
        <canvas
          ref={canvas}
          width={map.box}
          height={map.box}
          role="img"
          aria-label={`Slice normal to ${axis}, ${at + 1} of ${map.box}: ${seen[axis]}`}
        />
        <b>{axis}</b>
        {axis === "x" && <i style={{ width: `${(100 * bar) / (map.box * map.pixelSize)}%` }}>{bar} Å</i>}
      </div>
      <label>
        <span class="visually-hidden">Slice normal to {axis}</span>
        <input
          type="range"
          min="0"
          max={map.box - 1}
          value={at}
          onInput={(event) => setPlace((event.currentTarget.valueAsNumber + 0.5) / map.box)}
        />
      </label>
    </div>
  );
}

/** Planes through a map, one along each axis. */
export function Slices({ map }: { readonly map: LoadedMap }) {
  return (
    <div class="slices">
      {axes.map((axis) => (
        <Slice key={axis} map={map} axis={axis} />
      ))}
    </div>
  );
}
