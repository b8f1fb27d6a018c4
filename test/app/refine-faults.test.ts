import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { cliPath } from "../support/cli.js";
import {
  eventsOf,
  filesOf,
  refined,
  refused,
  runtimeOptions,
  shortRun,
  tinyFolder,
} from "../support/tiny-job.js";
import { describeWebGpu } from "../support/webgpu.js";

const folder = tinyFolder();
const { reference, webgpu } = runtimeOptions;
const area = 32 * 32;
const stack = readFileSync(join(folder, "noisy.mrcs"));
const particles = readFileSync(join(folder, "parts.star"), "utf8");

/** The tiny set with pixels of image 6 replaced, as a stack and a STAR file of their own. */
function withImage(name: string, change: (image: Float32Array) => void): string[] {
  const bytes = Buffer.from(stack);
  const image = new Float32Array(area);
  for (let at = 0; at < area; at++) image[at] = bytes.readFloatLE(1024 + 4 * (5 * area + at));
  change(image);
  for (const [at, value] of image.entries()) bytes.writeFloatLE(value, 1024 + 4 * (5 * area + at));
  writeFileSync(join(folder, `${name}.mrcs`), bytes);
  return withParticles(name, particles.replaceAll("noisy", name));
}

function withParticles(name: string, star: string): string[] {
  writeFileSync(join(folder, `${name}.star`), star);
  return [
    ...shortRun.map((word) => (word === "parts.star" ? `${name}.star` : word)),
    ...reference,
    "--o",
    `${name}/run`,
  ];
}

describe("images", () => {
  test("with NaN end a new run and a continued one, and leave no map", () => {
    const options = withImage("nan", (image) => image.fill(Number.NaN, 100, 101));
    const message =
      /1 of 60 images have pixels that are not finite numbers: 000006@nan\.mrcs; remove their rows/;
    expect(refused(folder, ...options)).toMatch(message);
    expect(filesOf(join(folder, "nan"))).toEqual([]);
    const sound = withImage("later", () => {});
    refined(folder, ...sound, "--iter", "1");
    withImage("later", (image) => image.fill(Number.NaN));
    expect(
      refused(folder, ..."--continue later/run_it001_optimiser.star --iter 2 --o later/run".split(" ")),
    ).toMatch(/not finite numbers: 000006@later\.mrcs/);
    expect(filesOf(join(folder, "later")).filter((name) => name.includes("it002"))).toEqual([]);
  });

  test("that are constant are told, and the run goes on", () => {
    const options = withImage("constant", (image) => image.fill(3));
    const { stderr } = refined(folder, ...options, "--iter", "1");
    expect(stderr).toContain("warning: 1 of 60 images are constant: 000006@constant.mrcs; they tell nothing");
    expect(eventsOf(join(folder, "constant"))).toContainEqual(
      expect.objectContaining({ kind: "warning", message: expect.stringContaining("constant") }),
    );
  });

  test("that are not normalised are told, and refused where they would rule the map", () => {
    const scale = (factor: number) => (image: Float32Array) => {
      for (const [at, value] of image.entries()) image[at] = factor * value;
    };
    const options = [...withImage("strong", scale(10)), "--iter", "0"];
    const { stderr } = refined(folder, ...options);
    expect(stderr).toMatch(
      /warning: 1 of 60 images have a background that is not normalised .* 000006@strong\.mrcs/,
    );
    expect(refined(folder, ...options, "--dont_check_norm").stderr).not.toContain("normalised");
    expect(refused(folder, ...withImage("wild", scale(1e25)))).toMatch(
      /1 of 60 images have more than 30 times the noise of the others: 000006@wild\.mrcs; normalise them/,
    );
  });

  test("of a truncated stack", () => {
    const options = withImage("short", () => {});
    writeFileSync(join(folder, "short.mrcs"), stack.subarray(0, 200_000));
    expect(refused(folder, ...options)).toMatch(
      /short\.mrcs .*truncated: .* 246784 bytes .* 200000\. copy it again/,
    );
  });

  test("of a stack that vanishes on the way", async () => {
    const options = [...withImage("away", () => {}), "--iter", "50", "--host-memory", "100kB"];
    const child = spawn(process.execPath, [cliPath, "refine", ...options], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const ended = new Promise((done) => child.on("exit", done));
    while (!existsSync(join(folder, "away/run_it001_optimiser.star")))
      await new Promise((r) => setTimeout(r, 20));
    renameSync(join(folder, "away.mrcs"), join(folder, "hidden.mrcs"));
    expect(await ended).toBe(1);
    expect(stderr).toMatch(/cryotile: away\.mrcs: cannot open: no such file or folder/);
    renameSync(join(folder, "hidden.mrcs"), join(folder, "away.mrcs"));
    const last = filesOf(join(folder, "away"))
      .filter((name) => name.endsWith("optimiser.star"))
      .at(-1);
    const next = String(Number(last?.slice(6, 9)) + 1);
    refined(folder, "--continue", `away/${last}`, "--o", "away/run", "--iter", next);
  });
});

describe("weights", () => {
  /** Priors that no translation of the search fits, for the first particles. */
  function withPriors(name: string, count: number): string[] {
    let seen = 0;
    const star = particles
      .replace("_rlnDefocusAngle #6\n", "_rlnDefocusAngle #6\n_rlnOriginXPriorAngst #7\n")
      .replace(/^(0000.*)$/gm, (line) => `${line.trimEnd()} ${seen++ < count ? 7.3 : 0}`);
    return [...withParticles(name, star), "--offset", "0.001"];
  }

  test("that are all zero leave the particle out, which is told", () => {
    const { stderr } = refined(folder, ...withPriors("some", 3), "--iter", "1");
    expect(stderr).toContain("warning: iteration 1: 3 particles had no orientation better than any other");
    expect(eventsOf(join(folder, "some"))).toContainEqual(
      expect.objectContaining({ kind: "iteration", failed: 3 }),
    );
  });

  test("that are all zero for most particles end the run", () => {
    expect(refused(folder, ...withPriors("most", 50), "--iter", "2")).toMatch(
      /50 of 60 particles failed in iteration 1: look at the images .* --particle_diameter, the pixel size and the reference; most\/run_it001_optimiser\.star/,
    );
  });
});

describe("options", () => {
  test.each([
    ["--ref_angpix 3", /ref\.mrc: a pixel size of 3 A, the particles have 4 A; .*--ref_angpix 4/],
    ["--particle_diameter 500", /--particle_diameter 500: the box is 128\.0 A wide/],
    ["--ini_high 5", /--ini_high 5: beyond Nyquist, 8\.00 A/],
    ["--healpix_order 7", /--healpix_order 7 .*: \d+ orientations are too many .* --sigma_ang/],
    ["--offset_range 2000", /--offset_range 2000 in steps of 1: \d+ translations, at most 100000/],
    ["--solvent_mask noisy.mrcs", /noisy\.mrcs: a map of 32 x 32 x 60 voxels, not a cube/],
    ["--memory 9MB", /one particle at a time needs \d+ MB and --memory allows 9 MB; give it --memory \d+MB/],
    ["--memory 1.1MB", /--memory allows 1 MB: give it more/],
    ["--sym I2 --healpix_order 1", /no direction in the asymmetric unit of I2; ask for a higher order/],
  ])("%s", (line, message) => {
    const extra = line.split(" ");
    const again = (word: string | undefined) => word?.startsWith("--") === true && extra.includes(word);
    const options = shortRun.filter((word, at) => !again(word) && !again(shortRun[at - 1]));
    expect(refused(folder, ...options, ...extra, ...reference, "--o", "refused/run")).toMatch(message);
  });

  test("a pixel size that differs from that of the reference, and a box that does", () => {
    const [pixel, box] = ["8.000000 32 2", "8.000000 16 2"].map((text) =>
      particles.replace("4.000000 32 2", text),
    );
    expect(refused(folder, ...withParticles("pixel", pixel))).toMatch(
      /a pixel size of 4 A, the particles have 8 A/,
    );
    expect(refused(folder, ...withParticles("box", box))).toMatch(
      /a box of 32 voxels, the particles have 16 pixels/,
    );
  });

  test("a folder that cannot be written to", () => {
    writeFileSync(join(folder, "file"), "");
    expect(refused(folder, ...shortRun, ...reference, "--o", "file/run")).toMatch(
      /^cryotile: file: cannot write to: /,
    );
  });
});

describe("a disk that fills up", () => {
  const survives = (own: string, said: string) => {
    expect(said).toMatch(/cryotile: .*run_it00\d_\w+\.(mrc|star): cannot (write|finish): /);
    expect(readdirSync(own).filter((name) => name.includes(".tmp-"))).toEqual([]);
  };

  test("a limit on the size of files", () => {
    const args = [...shortRun, ...reference, "--o", "limit/run"];
    const { status, stderr } = spawnSync(
      "bash",
      ["-c", 'trap "" XFSZ; ulimit -f 100; exec "$0" "$@"', process.execPath, cliPath, "refine", ...args],
      { cwd: folder, encoding: "utf8" },
    );
    expect(status).toBe(1);
    survives(join(folder, "limit"), stderr);
    expect(stderr).toContain("does not take a file this large");
  });

  test("a small file system: what is finished stays and goes on elsewhere", ({ skip }) => {
    const mount = join(folder, "small");
    mkdirSync(mount);
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=500k", "tmpfs", mount]);
    if (status !== 0) skip("mounting needs root");
    try {
      const said = refused(folder, ...shortRun, ...reference, "--iter", "9", "--o", "small/run");
      survives(mount, said);
      expect(said).toContain("the disk is full: free space or choose another folder");
      const last = filesOf(mount)
        .filter((name) => name.endsWith("optimiser.star"))
        .at(-1);
      const next = String(Number(last?.slice(6, 9)) + 1);
      refined(folder, "--continue", `small/${last}`, "--o", "roomy/run", "--iter", next);
    } finally {
      spawnSync("umount", [mount]);
    }
  });
});

describeWebGpu("a lost device", () => {
  test("ends the run with what to do", () => {
    const device = pathToFileURL(resolve(cliPath, "../../runtime/webgpu/node.js")).href;
    // Destroys the device when the first iteration is saved.
    writeFileSync(
      join(folder, "lose.mjs"),
      `import { existsSync } from "node:fs";
       import { nodeGpu } from ${JSON.stringify(device)};
       await nodeGpu();
       const request = GPUAdapter.prototype.requestDevice;
       GPUAdapter.prototype.requestDevice = async function (descriptor) {
         const device = await request.call(this, descriptor);
         const timer = setInterval(() => existsSync("lost/run_it001_optimiser.star") && device.destroy(), 5);
         device.lost.then(() => clearInterval(timer));
         return device;
       };`,
    );
    const args = [...shortRun, ...webgpu, "--iter", "9", "--o", "lost/run"];
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--import", "./lose.mjs", cliPath, "refine", ...args],
      {
        cwd: folder,
        encoding: "utf8",
      },
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /cryotile: .*the device was lost .* start the run again from there: --continue lost\/run_it00\d_optimiser\.star/,
    );
    expect(eventsOf(join(folder, "lost")).at(-1)).toMatchObject({ kind: "end", status: "failure" });
    rmSync(join(folder, "lose.mjs"));
  });
});
