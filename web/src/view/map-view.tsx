import { useEffect, useRef, useState } from "preact/hooks";
import { isDark, reducedMotion } from "../shell/theme.js";
import { Notice } from "../shell/ui.js";
import type { LoadedMap } from "./map.js";
import type { MapScene } from "./scene.js";
import { viewWorker } from "./viewer.js";

/** A map that the viewing worker holds. */
export interface NamedMap {
  readonly name: string;
  readonly map: LoadedMap;
}

const colours = { light: "#6f93b4", dark: "#7ea6c8" };
const arrows: Readonly<Record<string, readonly [number, number, number]>> = {
  ArrowLeft: [-10, 0, 1],
  ArrowRight: [10, 0, 1],
  ArrowUp: [0, 10, 1],
  ArrowDown: [0, -10, 1],
  "+": [0, 0, 1.15],
  "=": [0, 0, 1.15],
  "-": [0, 0, 1 / 1.15],
};

/** The isosurface of a map, with its threshold. */
export function MapView({ shown, label }: { readonly shown: NamedMap; readonly label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [scene, setScene] = useState<MapScene>();
  const [problem, setProblem] = useState<string>();
  const [level, setLevel] = useState<number>();
  const [turning, setTurning] = useState(!reducedMotion.value);
  const { map, name } = shown;
  // Of a map without any density, such as that of an empty class, nothing is drawn.
  const deviation = map.deviation || 1;
  const most = Math.max(1, Math.floor(((map.largest - map.mean) / deviation) * 10) / 10);
  const sigmas = Math.min(level ?? (map.startLevel - map.mean) / deviation, most);
  const density = map.mean + sigmas * deviation;

  useEffect(() => {
    let opened: MapScene | undefined;
    let left = false;
    import("./scene.js").then(
      ({ openScene }) => {
        if (left || canvas.current === null) return;
        try {
          opened = openScene(canvas.current);
          setScene(opened);
        } catch {
          setProblem("This browser shows no 3D (WebGL 2 is off); the slices below show the map.");
        }
      },
      (error: Error) => setProblem(`The 3D view could not be loaded: ${error.message}`),
    );
    return () => {
      left = true;
      opened?.close();
    };
  }, []);
  useEffect(() => {
    let current = true;
    viewWorker()
      .surface(name, density)
      .then((surface) => current && surface !== undefined && scene?.show(surface, map.box));
    return () => {
      current = false;
    };
  }, [scene, name, density, map]);
  const dark = isDark();
  useEffect(() => scene?.colour(dark ? colours.dark : colours.light), [scene, dark]);
  useEffect(() => {
    if (reducedMotion.value) setTurning(false);
  }, [reducedMotion.value]);
  useEffect(() => scene?.turning(turning), [scene, turning]);

  return (
    <div class="map-view">
      {problem !== undefined && <Notice>{problem}</Notice>}
      <canvas
        ref={canvas}
        hidden={problem !== undefined}
        tabIndex={0}
        role="img"
        aria-label={`${label} as a surface. Arrow keys turn it, plus and minus go nearer and away.`}
        onKeyDown={(event) => {
          const by = arrows[event.key];
          if (by === undefined) return;
          event.preventDefault();
          scene?.move(...by);
        }}
      />
      <div class="map-tools">
        <label>
          Threshold
          <input
            type="range"
            min="0.5"
            max={most}
            step="0.1"
            value={sigmas}
            aria-valuetext={`${sigmas.toFixed(1)} standard deviations, density ${density.toPrecision(3)}`}
            onInput={(event) => setLevel(event.currentTarget.valueAsNumber)}
          />
          <output>
            {sigmas.toFixed(1)} σ<span class="quiet"> {density.toPrecision(3)}</span>
          </output>
        </label>
        <button type="button" aria-pressed={turning} onClick={() => setTurning(!turning)}>
          {turning ? "Hold" : "Turn"}
        </button>
      </div>
    </div>
  );
}
