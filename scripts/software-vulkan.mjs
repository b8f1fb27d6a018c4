// A software Vulkan driver (Mesa's lavapipe) for machines without a GPU, in build/software-vulkan: nothing of the system
// changes. Dawn refuses the lavapipe of Debian 12 itself (22.3), so its backport (25.0) is unpacked there instead.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const folder = resolve(import.meta.dirname, "..", "build", "software-vulkan");
const manifest = join(folder, "lavapipe.json");

const run = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"], ...options }).status === 0;

/** Path of the driver's manifest for VK_DRIVER_FILES, or undefined where it is not installed. */
export function softwareVulkan() {
  return existsSync(manifest) ? manifest : undefined;
}

/** Download and unpack the driver; false where this is no Debian 12 or the download fails. */
export function installSoftwareVulkan() {
  if (softwareVulkan() !== undefined) return true;
  const sources = "/etc/apt/sources.list.d/debian.sources";
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  if (!/^VERSION_CODENAME=bookworm$/m.test(release) || !existsSync(sources)) return false;
  mkdirSync(join(folder, "lists", "partial"), { recursive: true });
  const [debian] = readFileSync(sources, "utf8").split(/\n\s*\n/);
  writeFileSync(
    join(folder, "backports.sources"),
    debian.replace(/^Suites:.*$/m, "Suites: bookworm-backports"),
  );
  const apt = [
    ["Dir::Etc::sourcelist", join(folder, "backports.sources")],
    ["Dir::Etc::sourceparts", "-"],
    ["Dir::State::Lists", join(folder, "lists")],
    ["APT::Sandbox::User", "root"],
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  if (
    !run("apt-get", [...apt, "update"]) ||
    !run("apt-get", [...apt, "download", "mesa-vulkan-drivers"], { cwd: folder })
  )
    return false;
  const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
  if (archive === undefined || !run("dpkg", ["-x", join(folder, archive), folder])) return false;
  const library = join(folder, "usr", "lib");
  const path = readdirSync(library, { recursive: true }).find((name) => name.endsWith("libvulkan_lvp.so"));
  if (path === undefined) return false;
  const ICD = { library_path: join(library, path), api_version: "1.4.305" };
  writeFileSync(manifest, JSON.stringify({ file_format_version: "1.0.1", ICD }));
  return true;
}
