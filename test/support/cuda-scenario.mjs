// Every kind of work of the CUDA runtime on the emulated driver, once for each failure that the command line asks for (FUNCTION:COUNT:CODE, or
// "none"). Prints a JSON line about each: at which stage it ended, and with which error.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { openCuda } from "../../dist/src/runtime/cuda/index.js";

const [addon, library, cufft, declarations, precision, ...faults] = process.argv.slice(2);
const native = createRequire(import.meta.url)(addon);
const signatures = JSON.parse(readFileSync(declarations, "utf8"));
// A kernel that asks for more shared memory than blocks have of themselves.
signatures.fft_scale.sharedBytes = 64 * 1024;

async function work(runtime) {
  const values = runtime.alloc("real", "values", 2 ** 23 + 2 ** 20);
  const box = runtime.alloc("real", "box", 64);
  const half = runtime.alloc("complex", "half", 40);
  // More than the staging memory holds, and than one piece of a download.
  const ramp = new Float32Array(values.length);
  for (let at = 0; at < ramp.length; at++) ramp[at] = at;
  runtime.upload(values, ramp);
  await runtime.clear(box);
  runtime.upload(
    box,
    Float32Array.from({ length: 64 }, (_, at) => at),
  );
  const fft = runtime.makeFft([8, 8], 1);
  await runtime.forwardFft(fft, box, half);
  await runtime.inverseFft(fft, half, box);
  await runtime.forwardFft(fft, box, half);
  await runtime.copy(half, half);
  await runtime.finish();
  const [mean] = await runtime.download(half, 0, 1);
  if (mean !== 63 / 2) throw new Error(`a mean of ${mean}`);
  const found = await runtime.download(values);
  const wrong = found.findIndex((value, at) => value !== at);
  if (wrong >= 0) throw new Error(`${found[wrong]} at ${wrong}`);
}

async function attempt(fault) {
  process.env.CRYOTILE_EMULATOR_FAIL = fault === "none" ? "" : fault;
  let stage = "look";
  try {
    const driver = native.load(library);
    const [device] = driver.devices();
    driver.freeBytes(device.ordinal);
    stage = "open";
    const kernels = { signatures, code: new Uint8Array(1) };
    const options = {
      driver,
      device,
      kernels,
      precision,
      bytes: 2 ** 27,
      cufft: { libraries: [cufft], required: true, sought: "" },
      onProfile() {},
    };
    const runtime = await openCuda(options);
    stage = "work";
    let failure;
    await work(runtime).catch((error) => {
      failure = error;
    });
    if (failure !== undefined) {
      // Nothing that follows pretends to work.
      const later = await runtime.finish().catch((error) => error);
      if (later !== failure) throw new Error(`later work ended with ${later}, not ${failure}`);
    } else stage = "close";
    await runtime.close();
    if (failure !== undefined) throw failure;
    return { fault, stage: "done" };
  } catch (error) {
    const { name, message, call, code } = error;
    return { fault, stage, name, message, call, code };
  }
}

for (const fault of faults) console.log(JSON.stringify(await attempt(fault)));
