import { workTime } from "../../em/work-clock.js";
import type { TraceEvent } from "../../runtime/arena.js";

/** Points of a memory curve that are kept. */
const curvePoints = 240;

/** The top of the arena over an iteration, thinned to the highest of neighbouring values. */
export class MemoryCurve {
  private points: [number, number][] = [];
  private begun = workTime();

  readonly onEvent = (event: TraceEvent): void => {
    this.points.push([(workTime() - this.begun) / 1000, event.top]);
    if (this.points.length >= 64 * curvePoints) this.points = thin(this.points, 8 * curvePoints);
  };

  /** The curve since the last call: seconds and bytes. */
  take(): [number, number][] {
    const curve = thin(this.points, curvePoints);
    this.points = [];
    this.begun = workTime();
    return curve;
  }
}

function thin(points: [number, number][], most: number): [number, number][] {
  if (points.length <= most) return points;
  const each = Math.ceil(points.length / most);
  const kept: [number, number][] = [];
  for (let first = 0; first < points.length; first += each)
    kept.push(points.slice(first, first + each).reduce((a, b) => (b[1] > a[1] ? b : a)));
  return kept;
}
