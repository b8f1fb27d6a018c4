// Makes a fresh clone ready: npm packages (when the lock file changed); with --peers, the programs that the tests compare with (RELION,
// Chromium), the compiler for the CUDA addon and its emulated driver, and a software driver for WebGPU where there is no graphics card. Uses nothing but Node itself. Quick when there is nothing to do.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { installSoftwareVulkan } from "./software-vulkan.mjs";

const root = resolve(import.meta.dirname, "..");
const stamp = join(root, "node_modules", ".cryotile-setup");
const peers = [
  { name: "RELION", package: "relion", present: () => onPath("relion_refine") },
  { name: "Chromium", package: "chromium", present: () => onPath("chromium") },
  {
    name: "Firefox",
    package: "firefox-esr",
    present: () => onPath("firefox") || onPath("firefox-esr"),
  },
  { name: "Vulkan", package: "libvulkan1 mesa-vulkan-drivers", present: hasVulkan },
  {
    name: "C++ compiler",
    package: "g++ make cmake",
    present: () => process.platform !== "linux" || ["c++", "make", "cmake"].every(onPath),
  },
];

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

function run(command, args, env = process.env) {
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env }).status === 0;
}

function onPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function hasVulkan() {
  return (
    process.platform !== "linux" ||
    /libvulkan\.so\.1 /.test(spawnSync("ldconfig", ["-p"]).stdout?.toString() ?? "")
  );
}

/** Whether a graphics card is there, so that no software driver is needed. */
function hasGraphicsCard() {
  return process.platform !== "linux" || existsSync("/dev/dri") || existsSync("/dev/nvidiactl");
}

function installPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const wanted = `${lock} ${process.platform}-${process.arch} node${process.versions.modules}`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  console.log("setup: installing npm packages");
  if (!run("npm", ["ci", "--no-audit", "--no-fund"]))
    fail("npm ci failed; it needs the npm registry (see the lines above)");
  writeFileSync(stamp, wanted);
}

function installPeers(wanted, without) {
  const missing = wanted.filter((peer) => !peer.present());
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.map((peer) => peer.package).join(" ")}`;
  const names = missing.map((peer) => peer.name).join(" and ");
  const canInstall = process.getuid?.() === 0 && onPath("apt-get");
  if (canInstall) {
    console.log(`setup: installing ${names}`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const [program, ...args] = command.split(" ");
    if (run("apt-get", ["update", "-q"], env) && run(program, ["-q", ...args], env)) return;
  }
  const notice = `${names} not installed: ${without}. To install: sudo ${command}`;
  if (process.env.CI) fail(notice);
  console.log(`setup: ${notice}`);
}

/** In CI: the compiler of the WebAssembly module, so that its bytes are compared with its sources. 100 MB, hence nobody else gets it. */
function installCompiler() {
  if (!process.env.CI || existsSync(join(root, "node_modules", "@yowasp", "clang"))) return;
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [compiler] = /@yowasp\/clang@\S+/.exec(scripts["build:wasm"]);
  console.log(`setup: installing ${compiler}`);
  if (!run("npm", ["install", "--no-save", "--no-audit", "--no-fund", compiler]))
    fail(`${compiler} was not installed; it needs the npm registry (see the lines above)`);
}

const [major] = process.versions.node.split(".").map(Number);
if (major < 20) fail(`Node ${process.versions.node} found, 20 or newer needed (https://nodejs.org)`);
installPackages();
if (process.argv.includes("--peers")) {
  installPeers(peers, "tests that need them are skipped");
  installCompiler();
  if (!hasGraphicsCard() && !installSoftwareVulkan())
    console.log(
      "setup: no graphics card and no software Vulkan driver that WebGPU accepts: what needs WebGPU is left out",
    );
}
