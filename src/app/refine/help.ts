import { optionGroups, type RefineOption, refusedOptions } from "./relion-options.js";

function helpLine(option: RefineOption): string {
  const value = option.kind === "flag" ? "" : ` <${valueName(option)}>`;
  const standard =
    "default" in option && option.default !== false && option.default !== "" ? ` (${option.default})` : "";
  const reason = option.idle === undefined ? "" : `; ${option.idle}`;
  const left = `  --${option.name}${value}${standard}`;
  return `${left.padEnd(40)}${left.length < 39 ? "" : `\n${" ".repeat(40)}`}${option.help}${reason}`;
}

function valueName(option: RefineOption): string {
  return option.kind === "choice" ? option.choices.join("|") : (option.value ?? option.kind);
}

function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** Text of `cryotile refine --help`: every option with its default and a line. */
export function refineHelp(): string {
  const groups = optionGroups.map(({ title, options }) => `${title}\n${options.map(helpLine).join("\n")}`);
  const names = refusedOptions.flatMap(({ options }) => Object.keys(options)).map((name) => `--${name}`);
  return [
    "Usage: cryotile refine --i particles.star --ref map.mrc --o folder/run [options]",
    "       cryotile refine --continue folder/run_it005_optimiser.star --o folder/run [options]",
    "",
    "3D classification and refinement. Options and defaults are those of relion_refine 3.1. Lengths are in",
    "Angstrom unless told.",
    "",
    groups.join("\n\n"),
    "",
    "Known to RELION and refused, with the reason, where they would change the result",
    ...wrapped(names, 98).map((line) => `  ${line}`),
    "",
  ].join("\n");
}
