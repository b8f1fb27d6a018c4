// The package's subpath cryotile/weights.
export * from "./weights.js";
export {
  checkWeights,
  isWeights,
  readWeights,
  readWeightsHead,
  type WeightsHead,
  writeWeights,
} from "./weights-file.js";
