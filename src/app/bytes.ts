import { UserError } from "../errors.js";

const units = new Map([
  ["", 1],
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

/**
 * An amount of memory: `85899345920`, `80GB` (decimal), `12GiB` (binary); any case, fractions with a unit.
 * @returns whole bytes
 * @throws UserError that names `option`
 */
export function parseBytes(text: string, option: string): number {
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = units.get(unit?.toLowerCase() ?? "none");
  if (factor === undefined)
    throw new UserError(
      `${option} ${text}: is not an amount of memory; give bytes (12884901888) or kB, MB, GB, TB, KiB, MiB, GiB, TiB (12GiB)`,
    );
  const bytes = Number(digits) * factor;
  const whole = factor === 1 ? bytes : Math.round(bytes);
  if (!Number.isSafeInteger(whole) || whole < 1)
    throw new UserError(`${option} ${text}: must be a whole number of bytes from 1 to 2^53 - 1`);
  return whole;
}

/** Bytes with thousands separators: 44,135,424. */
export const formatBytes = (bytes: number): string => bytes.toLocaleString("en-US");
