import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { decode } from "fast-png";
import pixelmatch from "pixelmatch";

const kept = resolve(import.meta.dirname, "../pictures");

/** How far two colours may be apart, 0 to 1: another build of the browser may blend edges otherwise. */
const colourThreshold = 0.15;

/** Four bytes a pixel, as screenshots may have three. */
function pixels(png: Buffer) {
  const { width, height, data, channels } = decode(png);
  const rgba = new Uint8Array(4 * width * height).fill(255);
  for (let at = 0; at < width * height; at++)
    for (let c = 0; c < channels; c++) rgba[4 * at + c] = data[channels * at + c];
  return { width, height, rgba };
}

/** Share of the pixels of a screenshot that are unlike those of another one; 1 where the sizes differ. */
export function unlike(found: Buffer, expected: Buffer): number {
  const [one, other] = [found, expected].map(pixels);
  const { width, height } = one;
  if (width !== other.width || height !== other.height) return 1;
  const different = pixelmatch(one.rgba, other.rgba, undefined, width, height, {
    threshold: colourThreshold,
  });
  return different / (width * height);
}

/**
 * The picture that somebody has looked at and kept under `test/pictures`. With KEEP_PICTURES=1 the one that was taken takes its place: look at it
 * before it is committed.
 */
export function keptPicture(name: string, taken: Buffer): Buffer {
  const path = resolve(kept, `${name}.png`);
  if (process.env.KEEP_PICTURES === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, taken);
  }
  if (!existsSync(path)) throw new Error(`${path} is not there; take it with KEEP_PICTURES=1 and look at it`);
  return readFileSync(path);
}
