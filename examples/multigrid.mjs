// A multigrid solver whose work arrays come from an arena over one ArrayBuffer; nothing here is about particles.
//
//   npm run build && node examples/multigrid.mjs [TRACE.json]
//   node dist/src/app/cli.js memory replay TRACE.json
//
// It solves -(u_xx + u_yy) = f on the unit square, u = 0 on its edge, with f = 2 pi^2 sin(pi x) sin(pi y), whose solution is
// u = sin(pi x) sin(pi y). Lifetimes: global = the problem, iteration = one V-cycle, job = one smoothing.
import { writeFileSync } from "node:fs";
import { Arena, TraceRecorder } from "cryotile/memory";

const n = 128;
const sweeps = 2;
const buffer = new ArrayBuffer(512 * 1024);
const recorder = new TraceRecorder();
const arena = new Arena({ slabs: [buffer.byteLength], alignment: 64, onEvent: recorder.onEvent });

/** A grid of (n + 1) x (n + 1) points in the innermost scope, all 0. */
function grid(name, n) {
  const count = (n + 1) ** 2;
  const block = arena.alloc(`${name} ${n}`, count * Float64Array.BYTES_PER_ELEMENT);
  return { block, values: new Float64Array(buffer, block.offset, count).fill(0) };
}

/** Call `body(index)` for every point that is not on the edge. */
function inside(n, body) {
  for (let y = 1; y < n; y++) for (let x = 1; x < n; x++) body(y * (n + 1) + x, x, y);
}

/** What is missing at a point, times h^2 = 1 / n^2. */
const defect = (u, f, n, i) => f[i] / n ** 2 - (4 * u[i] - u[i - 1] - u[i + 1] - u[i - n - 1] - u[i + n + 1]);

/** Damped Jacobi. The next values need an array of their own: it lives as long as the smoothing. */
function smooth(u, f, n) {
  arena.push("job");
  const next = grid("next", n).values;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    inside(n, (i) => {
      next[i] = u[i] + 0.2 * defect(u, f, n, i);
    });
    u.set(next);
  }
  arena.pop("job");
}

function cycle(u, f, n) {
  if (n === 2) {
    u[4] += defect(u, f, n, 4) / 4;
    return;
  }
  smooth(u, f, n);
  const half = n / 2;
  const coarseF = grid("right side", half);
  const error = grid("error", half);
  const residual = grid("residual", n);
  inside(n, (i) => {
    residual.values[i] = defect(u, f, n, i) * n ** 2;
  });
  const r = residual.values;
  inside(half, (i, x, y) => {
    const at = 2 * y * (n + 1) + 2 * x;
    const [up, down] = [at - n - 1, at + n + 1];
    const sides = r[at - 1] + r[at + 1] + r[up] + r[down];
    const corners = r[up - 1] + r[up + 1] + r[down - 1] + r[down + 1];
    coarseF.values[i] = r[at] / 4 + sides / 8 + corners / 16;
  });
  arena.free(residual.block); // on top, so its bytes serve the coarser grids

  cycle(error.values, coarseF.values, half);
  arena.free(coarseF.block); // any order: the top sinks once `error` goes too
  const e = error.values;
  inside(n, (i, x, y) => {
    const [left, right] = [x >> 1, (x + 1) >> 1];
    const [above, below] = [(y >> 1) * (half + 1), ((y + 1) >> 1) * (half + 1)];
    u[i] += (e[above + left] + e[above + right] + e[below + left] + e[below + right]) / 4;
  });
  arena.free(error.block);
  smooth(u, f, n);
}

const exact = (x, y) => Math.sin((Math.PI * x) / n) * Math.sin((Math.PI * y) / n);
const u = grid("solution", n).values;
const f = grid("right side", n).values;
inside(n, (i, x, y) => {
  f[i] = 2 * Math.PI ** 2 * exact(x, y);
});

let cycles = 0;
let largestDefect;
do {
  arena.push("iteration");
  cycle(u, f, n);
  arena.pop("iteration");
  largestDefect = 0;
  inside(n, (i) => {
    largestDefect = Math.max(largestDefect, Math.abs(defect(u, f, n, i)));
  });
  cycles++;
} while (largestDefect > 1e-14 && cycles < 50);

let largestError = 0;
inside(n, (i, x, y) => {
  largestError = Math.max(largestError, Math.abs(u[i] - exact(x, y)));
});
console.log(`${cycles} V-cycles, largest error ${largestError.toExponential(4)}`);
console.log(
  `peak ${arena.peak} of ${arena.capacity} bytes, held at the end: ${arena.held.map((b) => b.name).join(", ")}`,
);

const [file] = process.argv.slice(2);
if (file !== undefined) {
  writeFileSync(file, JSON.stringify(recorder.trace(arena)));
  console.log(`trace: ${file}`);
}
