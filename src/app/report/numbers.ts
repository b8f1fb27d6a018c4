/** Stands for a value that is not there or not finite. */
export const unknown = "–";

const known = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value);

/** A number with so many decimals and a true minus sign. */
export const fixed = (value: number | undefined, decimals: number): string =>
  known(value) ? value.toFixed(decimals).replace("-", "−") : unknown;

export const count = (value: number | undefined): string =>
  known(value) ? value.toLocaleString("en-US").replace("-", "−") : unknown;

/** 1 particle, 12,345 particles. */
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** A number of three digits or so: 0.0312, 4.21, 356. */
export const short = (value: number | undefined): string => {
  if (!known(value)) return unknown;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replaceAll("-", "−");
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
};

/** RELION writes 999 where a class has no resolution. */
export const isResolution = (value: number): boolean => known(value) && value > 0 && value < 999;

export const angstrom = (value: number | undefined): string =>
  known(value) && isResolution(value) ? `${fixed(value, value < 10 ? 2 : 1)} Å` : unknown;

/** A share as per cent. */
export const percent = (value: number | undefined, decimals = 1): string =>
  known(value) ? `${fixed(100 * value, decimals)} %` : unknown;

export const degrees = (value: number): string => `${fixed(value, 0)}°`;

/** 0.42 s, 12.3 s, 3 min 20 s, 2 h 14 min, 1 d 4 h. */
export function duration(seconds: number | undefined): string {
  if (!known(seconds) || seconds < 0) return unknown;
  if (seconds < 59.95) return `${fixed(seconds, seconds < 1 ? 2 : 1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds) % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Largest binary unit in which `bytes` is at least 1. */
export function byteUnit(bytes: number): { readonly name: string; readonly bytes: number } {
  const names = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return { name: names[power], bytes: 2 ** (10 * power) };
}

export function memory(bytes: number | undefined): string {
  if (!known(bytes)) return unknown;
  const unit = byteUnit(bytes);
  return `${unit.name === "B" ? bytes : short(bytes / unit.bytes)} ${unit.name}`;
}

/** Seconds since 1970 as 2026-01-31 12:05:09 UTC. */
export function timestamp(seconds: number | undefined): string {
  if (!known(seconds) || Math.abs(seconds) > 8.64e12) return unknown;
  return `${new Date(1000 * seconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Round length of about a quarter of the box. */
export function scaleBar(extent: number): number {
  const aim = extent / 4;
  const power = 10 ** Math.floor(Math.log10(aim));
  return [5, 2, 1].map((digit) => digit * power).find((length) => length <= aim) ?? power;
}
