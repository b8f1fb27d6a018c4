import { defineConfig } from "vitest/config";
import { softwareVulkan } from "./scripts/software-vulkan.mjs";

const driver = process.env.VK_DRIVER_FILES ?? softwareVulkan();

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/build.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    // Without a graphics card WebGPU runs on the software driver that scripts/setup.mjs unpacked.
    env: driver === undefined ? {} : { VK_DRIVER_FILES: driver },
  },
});
