export type { MrcHeader, MrcMode } from "./header.js";
export { firstNotFinite, type PixelStatistics, statisticsOf } from "./moments.js";
export { type MrcFile, type MrcKind, type OpenMrcOptions, openMrc, splitKindSuffix } from "./reader.js";
export { type CreateMrcOptions, createMrc, type MrcWriter } from "./writer.js";
