export { type BatchOptions, type ImageBatch, readImageBatches } from "./batches.js";
export { type CsField, type CsParticle, CsTable, csParticles, isNumpy, readCs } from "./cs.js";
export * from "./mrc/index.js";
export { type ByteSink, type ByteSource, blobSource, bytesSource, memorySink, readRange } from "./source.js";
export * from "./star/index.js";
