// The package's subpath cryotile/memory: the buffer stack, for programs of any kind.
export {
  Arena,
  type ArenaBlock,
  ArenaFullError,
  type ArenaOptions,
  alignUp,
  type Scope,
  scopes,
  type TraceEvent,
} from "./arena.js";
export { FreeList, type ReplayResult, replayFirstFit, replayStack } from "./replay.js";
export { type MemoryTrace, parseTrace, TraceRecorder, toChromeTrace } from "./trace.js";
