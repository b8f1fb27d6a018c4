export type { MrcHeader, MrcMode } from "./header.js";
export { type MrcFile, type MrcKind, type OpenMrcOptions, openMrc, type PixelStatistics } from "./reader.js";
export { type CreateMrcOptions, createMrc, type MrcWriter } from "./writer.js";
