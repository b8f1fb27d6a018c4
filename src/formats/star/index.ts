export { formatImageName, type ImageName, parseImageName } from "./image-name.js";
export { type LabelType, labelType } from "./labels.js";
export { hasOpticsGroups, type ImageInfo, readParticles, upgradeParticles } from "./optics.js";
export { parseStar, readStar, StarFile } from "./reader.js";
export { type ColumnValues, StarTable } from "./table.js";
export { quoteToken, writeStar } from "./writer.js";
