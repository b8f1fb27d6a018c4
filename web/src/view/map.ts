/** A map to look at. */
export interface LoadedMap {
  /** x fastest, then y, then z. */
  readonly voxels: Float32Array;
  readonly box: number;
  /** Angstrom. */
  readonly pixelSize: number;
  /** Where a surface is drawn at first: well above noise, well inside the molecule. */
  readonly startLevel: number;
  /** Of all voxels. */
  readonly mean: number;
  readonly deviation: number;
  readonly largest: number;
  /** Density that slices show black and white: quantiles 0.1 % and 99.9 %. */
  readonly range: readonly [number, number];
}

/** Triangles of an isosurface; positions in voxels from the centre of the box. */
export interface Surface {
  readonly positions: Float32Array;
  readonly normals: Float32Array;
  readonly indices: Uint32Array;
}

/** Viewing directions of the particles, degrees. */
export interface ViewDirections {
  readonly rot: Float64Array;
  readonly tilt: Float64Array;
}

/** A figure of the report as a page shows it. */
export interface DrawnFigure {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** SVG, made by the report's own code. */
  readonly svg: string;
  readonly legend: readonly { readonly label: string; readonly colour: string }[];
  readonly wide: boolean;
}
