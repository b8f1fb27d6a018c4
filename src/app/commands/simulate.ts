import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Command } from "commander";
import * as v from "valibot";
import { UserError } from "../../errors.js";
import { nodeDisk } from "../../formats/node.js";
import { writeDataset } from "../../simulator/dataset.js";
import type { OpticsGroup, SimulationPlan } from "../../simulator/particles.js";
import { gridOfMap, loadMaps, loadPoses, type MapSource } from "../../simulator/plan.js";
import { renderParticles } from "../../simulator/render-pool.js";
import { startProgress } from "../progress.js";

const number = (text: string, expected: string) =>
  v.pipe(
    v.string(),
    v.transform(Number),
    v.check((x) => Number.isFinite(x), `${text} must be ${expected}`),
  );
const atLeast = (name: string, least: number) =>
  v.pipe(
    number(name, `a number of at least ${least}`),
    v.minValue(least, `${name} must be at least ${least}`),
  );
const above = (name: string, limit: number) =>
  v.pipe(
    number(name, `a number above ${limit}`),
    v.check((x) => x > limit, `${name} must be above ${limit}`),
  );
const between = (name: string, low: number, high: number) =>
  v.pipe(
    number(name, `a number from ${low} to ${high}`),
    v.minValue(low, `${name} must be at least ${low}`),
    v.maxValue(high, `${name} must be at most ${high}`),
  );
const count = (name: string, least = 1, most = 1e9) =>
  v.pipe(between(name, least, most), v.integer(`${name} must be a whole number`));

/** One schema for all options: what the command line gives is text. */
const schema = v.object({
  o: v.pipe(v.string(), v.minLength(1, "--o must name a folder")),
  builtin: v.optional(v.union([v.string(), v.boolean()])),
  model: v.optional(v.array(v.string())),
  map: v.optional(v.array(v.string())),
  classes: count("--classes", 1, 20),
  classWeights: v.optional(v.array(above("--class-weights", 0))),
  continuous: v.optional(v.boolean(), false),
  n: count("--n"),
  box: v.optional(
    v.pipe(
      count("--box", 8, 2048),
      v.check((x) => x % 2 === 0, "--box must be even"),
    ),
  ),
  angpix: v.optional(above("--angpix", 0)),
  resolution: v.optional(above("--resolution", 0)),
  center: v.boolean(),
  snr: above("--snr", 0),
  noise: v.boolean(),
  coloured: between("--coloured", 0, 1),
  correlation: above("--correlation", 0),
  diameter: v.optional(above("--diameter", 0)),
  ctf: v.boolean(),
  defocus: v.tuple(
    [number("--defocus", "two numbers"), number("--defocus", "two numbers")],
    "--defocus needs two numbers in Angstrom",
  ),
  astigmatism: atLeast("--astigmatism", 0),
  bfactor: atLeast("--bfactor", 0),
  phaseShift: number("--phase-shift", "a number"),
  optics: v.optional(v.array(v.string())),
  micrographs: v.optional(count("--micrographs")),
  offset: atLeast("--offset", 0),
  scaleSpread: between("--scale-spread", 0, 0.5),
  poses: v.optional(v.string()),
  float16: v.optional(v.boolean(), false),
  stackSize: count("--stack-size"),
  lowpass: above("--lowpass", 0),
  seed: count("--seed", 0, 2 ** 31 - 1),
  threads: v.optional(count("--threads", 1, 256)),
  overwrite: v.optional(v.boolean(), false),
});

type Options = v.InferOutput<typeof schema>;

/** `name=a,voltage=300,cs=2.7,q0=0.1`; what is missing takes the defaults. */
function parseOptics(text: string, index: number): OpticsGroup {
  const group: Record<string, string> = {
    name: `opticsGroup${index + 1}`,
    voltage: "300",
    cs: "2.7",
    q0: "0.1",
  };
  for (const part of text.split(",")) {
    const [key, value] = part.split("=");
    if (!(key in group) || value === undefined)
      throw new UserError(`--optics ${text}: "${part}" is not one of name=, voltage=, cs=, q0=`);
    group[key] = value;
  }
  const numeric = ["voltage", "cs", "q0"].map((key) => Number(group[key]));
  if (!numeric.every(Number.isFinite) || !(numeric[0] > 0) || !(Math.abs(numeric[2]) < 1))
    throw new UserError(`--optics ${text}: voltage (kV, positive), cs (mm) and q0 (below 1) must be numbers`);
  return {
    name: group.name,
    voltage: numeric[0],
    sphericalAberration: numeric[1],
    amplitudeContrast: numeric[2],
  };
}

function mapSource(options: Options): MapSource {
  const given = (["builtin", "model", "map"] as const).filter((name) => options[name] !== undefined);
  if (given.length > 1) throw new UserError(`--${given.join(" and --")} exclude each other`);
  if (options.model !== undefined) return { kind: "model", files: options.model, centre: options.center };
  if (options.map !== undefined) return { kind: "map", files: options.map };
  return {
    kind: "builtin",
    group: typeof options.builtin === "string" ? options.builtin : "C1",
    classes: options.classes,
    seed: options.seed,
  };
}

async function simulate(options: Options): Promise<void> {
  const source = mapSource(options);
  const ofMap = source.kind === "map" ? await gridOfMap(source.files[0]) : undefined;
  const box = options.box ?? ofMap?.box ?? 64;
  const pixelSize =
    options.angpix ??
    (ofMap === undefined
      ? 3.54
      : ofMap.pixelSize === undefined
        ? undefined
        : (ofMap.pixelSize * ofMap.box) / box);
  if (pixelSize === undefined) throw new UserError("the map's header has no pixel size; give --angpix");
  const resolution = options.resolution ?? 2 * pixelSize;
  const maps = await loadMaps(source, { box, pixelSize, resolution }, (line) => console.log(line));
  if (options.continuous && maps.length < 2) throw new UserError("--continuous needs two classes or more");
  if (options.classWeights !== undefined && options.classWeights.length !== maps.length)
    throw new UserError(
      `--class-weights has ${options.classWeights.length} numbers for ${maps.length} classes`,
    );
  const diameter = options.diameter ?? 0.75 * box * pixelSize;
  if (diameter > box * pixelSize)
    throw new UserError(
      `--diameter ${diameter} A is larger than the box of ${(box * pixelSize).toFixed(1)} A`,
    );
  const poses = options.poses === undefined ? undefined : await loadPoses(options.poses);
  const particleCount = poses === undefined ? options.n : poses.length / 5;
  const micrographs = Math.min(particleCount, options.micrographs ?? Math.ceil(particleCount / 50));
  const plan: SimulationPlan = {
    seed: options.seed,
    count: particleCount,
    box,
    pixelSize,
    optics: (options.optics ?? [""]).map((text, index) =>
      parseOptics(text === "" ? `name=opticsGroup${index + 1}` : text, index),
    ),
    classWeights: options.classWeights ?? maps.map(() => 1),
    continuous: options.continuous,
    micrographs,
    defocus: [Math.min(...options.defocus), Math.max(...options.defocus)],
    astigmatism: options.astigmatism,
    bFactor: options.bfactor,
    phaseShift: options.phaseShift,
    applyCtf: options.ctf,
    offsetSigma: options.offset,
    scaleSigma: options.scaleSpread,
    snr: options.noise ? options.snr : 0,
    colouredShare: options.coloured,
    correlationLength: options.correlation,
    diameter,
    ...(poses !== undefined && { poses }),
  };
  await mkdir(options.o, { recursive: true }).catch((cause: Error) => {
    throw new UserError(`${options.o}: cannot make the folder: ${cause.message}`);
  });
  const threads = options.threads ?? availableParallelism();
  const progress = startProgress("particles", plan.count);
  const begun = performance.now();
  const files = await writeDataset(plan, maps, {
    folder: options.o,
    disk: nodeDisk,
    render: (job) => renderParticles(job, threads),
    mode: options.float16 ? 12 : 2,
    stackSize: options.stackSize,
    startResolution: options.lowpass,
    overwrite: options.overwrite,
    onProgress: (done) => progress.update(done),
  }).finally(() => progress.stop());
  const seconds = (performance.now() - begun) / 1000;
  console.log(
    [
      `${plan.count} particles of ${box} px at ${pixelSize} A in ${seconds.toFixed(1)} s (seed ${plan.seed})`,
      `  particles  ${files.particles} (${files.stacks.join(", ").slice(0, 200)})`,
      `  truth      ${files.truth}, ${files.maps.join(", ")}`,
      `  start      ${files.start}`,
    ].join("\n"),
  );
}

/** `cryotile simulate`: particles with known poses. */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description("make particles with known poses from a built-in molecule, an atomic model or a map")
    .requiredOption(
      "--o <folder>",
      "folder to write: particles.star, particles.mrcs, truth.star, maps, a starting map",
    )
    .option(
      "--builtin [group]",
      "a protein-like molecule made from the seed, with a point group (default C1)",
    )
    .option(
      "--model <file...>",
      "PDB or mmCIF files (.gz too), one a class: density from electron scattering factors and B-factors",
    )
    .option("--map <file...>", "MRC maps, one a class; larger ones are cropped in Fourier space to --box")
    .option("--classes <number>", "classes of the built-in molecule; each lacks one helix more", "1")
    .option("--class-weights <numbers...>", "shares of the classes (default: equal)")
    .option("--continuous", "mix neighbouring classes in a random proportion for each particle")
    .option("--n <number>", "particles", "500")
    .option("--box <pixels>", "image size, even (default: that of the map, else 64)")
    .option("--angpix <A>", "pixel size (default: that of the map, else 3.54)")
    .option(
      "--resolution <A>",
      "resolution of densities made from atoms: blur of 0.225 x this (default: 2 pixels)",
    )
    .option("--no-center", "keep an atomic model where it is instead of centring its mass")
    .option("--snr <ratio>", "variance of signal over noise inside the particle disc", "0.1")
    .option("--no-noise", "write the projections alone")
    .option("--coloured <share>", "share of the noise power at low frequency", "0.1")
    .option("--correlation <A>", "correlation length of that noise", "20")
    .option("--diameter <A>", "particle disc: for the SNR and the background (default: 3/4 of the box)")
    .option("--no-ctf", "do not apply the CTF to the images")
    .option("--defocus <A...>", "range of defocus over micrographs", ["10000", "25000"])
    .option("--astigmatism <A>", "largest astigmatism", "500")
    .option("--bfactor <A2>", "envelope exp(-B k^2 / 4)", "0")
    .option("--phase-shift <degrees>", "phase plate", "0")
    .option(
      "--optics <group...>",
      "optics groups: name=a,voltage=300,cs=2.7,q0=0.1 (default: one with these values)",
    )
    .option("--micrographs <number>", "micrographs that share defocus (default: one for 50 particles)")
    .option("--offset <A>", "standard deviation of offsets along x and y", "4")
    .option("--scale-spread <fraction>", "standard deviation of the particles' scale", "0.05")
    .option("--poses <star>", "take poses (and their number) from this file")
    .option("--float16", "write float16 (MRC mode 12) instead of float32")
    .option("--stack-size <images>", "most images in one stack", "1000000000")
    .option("--lowpass <A>", "resolution of the starting map", "30")
    .option("--seed <number>", "same seed, same bytes", "1")
    .option("--threads <number>", "threads (default: all cores); the result does not depend on it")
    .option("--overwrite", "replace files that exist")
    .action(async (raw: unknown) => {
      const parsed = v.safeParse(schema, raw);
      if (!parsed.success) throw new UserError(`simulate: ${parsed.issues[0].message}`);
      await simulate(parsed.output);
    });
}
