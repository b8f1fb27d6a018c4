import { facts } from "./facts.js";
import { places, type StepName } from "./model/state.js";
import type { Prepared } from "./teach.worker.js";
import { decimal, fill, words } from "./text.js";

const plain = (text: string) => text.replaceAll(/\{\w+\|([^}]*)\}/g, "$1");

/** Questions to the steps, with the numbers of the small case, as Markdown to print or edit. */
export function worksheet({ differences, tiles }: Prepared): string {
  const { diff2_iot, constant_i } = differences;
  const { side, depth, sharedBytes } = tiles.tiled;
  const own = words.worksheet;
  const numbers = facts("tiny");
  const tasksOf: Readonly<Partial<Record<StepName, readonly string[]>>> = own.tasks;
  const lines = [`# ${own.title}`, ""];
  for (const { step } of places) {
    const { title, body } = words.steps[step];
    lines.push(`## ${title}`, "", plain(fill(body[0], numbers)), "");
    const tasks = tasksOf[step]?.map((task) => `- [ ] ${fill(task, numbers)}`);
    if (tasks !== undefined) lines.push(...tasks, "");
  }
  lines.push(
    `## ${own.numbers}`,
    "",
    own.table,
    "",
    "| | −1 | 0 | 1 |",
    "|---|---|---|---|",
    ...Array.from(
      { length: 6 },
      (_, o) =>
        `| ${o + 1} | ${Array.from(diff2_iot.subarray(3 * o, 3 * o + 3), (value) => decimal(value.toFixed(2))).join(" | ")} |`,
    ),
    "",
    `${fill(own.constant, { constant: decimal(constant_i[0].toFixed(2)) })} ${fill(own.tile, { side, depth, sharedBytes })}`,
    "",
  );
  return lines.join("\n");
}
