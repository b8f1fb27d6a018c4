import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { darkPalette, lightPalette } from "../src/app/report/palette.js";

const root = resolve(import.meta.dirname, "..");
const { version } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8")) as { version: string };

/** The page's colours are those of the report; `data-theme` overrides the setting of the system. */
const palette = `:root{${lightPalette}}
@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){${darkPalette}}}
:root[data-theme=dark]{${darkPalette}}`;

/** Before the first paint, so that no other theme flashes up. */
const themeScript = `try{const t=localStorage.getItem("theme");if(t)document.documentElement.dataset.theme=t}catch{}`;

/** What a page may do that sends nothing anywhere. */
const policy = [
  "default-src 'none'",
  `script-src 'self' 'wasm-unsafe-eval' blob: 'sha256-${createHash("sha256").update(themeScript).digest("base64")}'`,
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const head = (): Plugin => ({
  name: "head",
  transformIndexHtml: {
    order: "post",
    handler: (_html, { server }) => [
      ...(server === undefined
        ? [
            {
              tag: "meta",
              attrs: { "http-equiv": "Content-Security-Policy", content: policy },
              injectTo: "head-prepend" as const,
            },
          ]
        : []),
      { tag: "script", children: themeScript, injectTo: "head" as const },
      { tag: "style", children: palette, injectTo: "head" as const },
    ],
  },
});

/** Pages that may share memory between threads. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  plugins: [head()],
  define: { __VERSION__: JSON.stringify(version) },
  resolve: { alias: { "node:path": "pathe" } },
  worker: { format: "es" },
  build: {
    outDir: resolve(root, "dist/web"),
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The 3D view and the figures, which are loaded after the page.
    chunkSizeWarningLimit: 700,
  },
  server: { headers: isolation, fs: { allow: [root] } },
  preview: { headers: isolation },
});
