import { places } from "./model/state.js";
import type { Prepared } from "./teach.worker.js";
import { words } from "./text.js";

const plain = (text: string) => text.replaceAll(/\{\w+\|([^}]*)\}/g, "$1");

/** Questions to the steps, with the numbers of the small case, as Markdown to print or edit. */
export function worksheet({ differences, tiles }: Prepared): string {
  const { diff2_iot, constant_i } = differences;
  const lines = ["# Worksheet: how a refinement compares, stores and keeps", ""];
  for (const { step } of places) {
    const { title, body } = words.steps[step];
    lines.push(`## ${title}`, "", plain(body[0]), "");
    const tasks = tasksOf[step]?.map((task) => `- [ ] ${task}`);
    if (tasks !== undefined) lines.push(...tasks, "");
  }
  lines.push(
    "## Numbers",
    "",
    "diff2 of particle 1, by orientation (rows) and translation −1, 0, 1:",
    "",
    "| | −1 | 0 | 1 |",
    "|---|---|---|---|",
    ...Array.from(
      { length: 6 },
      (_, o) =>
        `| ${o + 1} | ${Array.from(diff2_iot.subarray(3 * o, 3 * o + 3), (value) => value.toFixed(2)).join(" | ")} |`,
    ),
    "",
    `Constant of particle 1: ${constant_i[0].toFixed(2)}. Tile of diff2_tiled: ${tiles.tiled.side} × ${tiles.tiled.side}, ${tiles.tiled.depth} pixels a part, ${tiles.tiled.sharedBytes} bytes.`,
    "",
  );
  return lines.join("\n");
}

const tasksOf: Readonly<Partial<Record<(typeof places)[number]["step"], readonly string[]>>> = {
  number: ["Which pose of particle 1 has the smallest sum?", "Which pixels add most to it?"],
  table: ["How often is one slice value read for the whole table? Why?"],
  tile: [
    "How many times fewer reads with a full 32 × 32 tile?",
    "Which is the largest side that fits 16 KiB with 16 pixels a part?",
  ],
  product: [
    "Why may the constant be left out?",
    "How much smaller is the energy product than the cross product?",
  ],
  stack: ["What is the top pointer?", "Where are the dents inside a job, and what are they?"],
  freelist: ["Why does the fifth map fail although more than its size is free?"],
  groups: ["How many parents does each particle keep at 99.9 %?", "Why is there one index for 32 values?"],
  bytes: ["From which share of kept parents on is dense storage smaller?"],
  race: ["Write down the three times of your machine and the bytes that were read."],
};
