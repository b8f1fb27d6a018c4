import { effect, signal } from "@preact/signals";

export const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const stored = document.documentElement.dataset.theme;

/** The theme that was chosen; `auto` is that of the system. */
export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "auto");

effect(() => {
  const { dataset } = document.documentElement;
  try {
    if (theme.value === "auto") {
      delete dataset.theme;
      localStorage.removeItem("theme");
    } else {
      dataset.theme = theme.value;
      localStorage.setItem("theme", theme.value);
    }
  } catch {
    // A page without storage keeps the theme until it is closed.
  }
});

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(systemDark.matches);
systemDark.addEventListener("change", ({ matches }) => {
  system.value = matches;
});

/** Whether the page is dark now. Read inside components and effects, it follows changes. */
export const isDark = (): boolean => (theme.value === "auto" ? system.value : theme.value === "dark");

const motion = matchMedia("(prefers-reduced-motion: reduce)");
/** Whether the visitor asked for less motion: follows changes as `isDark` does. */
export const reducedMotion = signal(motion.matches);
motion.addEventListener("change", ({ matches }) => {
  reducedMotion.value = matches;
});
