import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { childrenOf, makeCase } from "../../src/app/small-case/case.js";
import { facts } from "../../web/src/teach/facts.js";
import { median } from "../../web/src/teach/model/race.js";
import {
  caseSizes,
  hideable,
  languageNames,
  moved,
  places,
  readState,
  withCase,
  writeState,
} from "../../web/src/teach/model/state.js";
import { fill, words } from "../../web/src/teach/text.js";

const { shape, xy } = await makeCase();
const { particles, orientations, translations } = shape;

describe("words", () => {
  const told = (name: "tiny" | "box64") =>
    Object.values(words.steps).flatMap((step) =>
      [
        ...step.body.map((own, at) =>
          name === "box64" && "body64" in step ? ((step.body64 as Record<string, string>)[at] ?? own) : own,
        ),
        ...step.notes,
      ].map((text) => fill(text, facts(name))),
    );

  test.each(["tiny", "box64"] as const)("name every number, and none but what is known: %s", (name) => {
    const tasks = Object.values(words.worksheet.tasks).flat();
    for (const text of [...told(name), ...tasks.map((task) => fill(task, facts(name)))])
      expect(text).not.toMatch(/\{\w+\}|NaN|undefined/);
  });

  test("have the numbers of the cases, the kernel, the search and the puzzles", () => {
    const tiny = told("tiny").join("\n");
    for (const part of [
      `${particles} particles, ${orientations} orientations and ${translations} translations of a small molecule, with ${xy.length} pixels`,
      `12 columns, 6 rows, 72 sums`,
      "6 of 32 rows, 12 of 32 columns",
      `Each has ${childrenOf(shape)} children: ${shape.rotations} finer orientations times ${shape.shifts} finer`,
      // As requirement 7 has them.
      "36,864 orientations × 45 translations",
      "1,658,880 parents with 32 children each, a fine grid of 294,912 × 180",
      "212 MB for a single particle",
      "at 97 % (float32)",
      "are 0.67 and 0.98",
      "all 256 lanes, and compares the 72 scores",
      "at least 48-fold, for 192 orientations and 192 columns",
    ])
      expect(tiny).toContain(part);
    const large = told("box64").join("\n");
    // 80 rows and 72 columns in tiles of 32; 1,651 pixels in parts of 16.
    for (const part of ["72 columns, 80 rows, 5,760 sums", "9 workgroups cover", "4 of their", "104 parts"])
      expect(large).toContain(part);
  });

  test("a time is the one in the middle", () => {
    expect(median([5, 1, 4, 2, 30])).toBe(4);
  });
});

describe("state in the URL", () => {
  test("comes back as it was written", () => {
    const number = (least: number, most: number) => fc.integer({ min: least, max: most });
    const stateOf = (name: keyof typeof caseSizes) => {
      const sizes = caseSizes[name];
      return fc.record({
        place: fc.constantFrom(...places),
        case: fc.constant(name),
        i: number(0, sizes.particles - 1),
        o: number(0, sizes.orientations - 1),
        t: number(0, sizes.translations - 1),
        k: number(0, sizes.pixels - 1),
        part: number(0, sizes.pixels - 1),
        side: number(1, 128),
        depth: number(1, 64),
        event: number(-1, 1e6),
        trace: fc.constantFrom("recorded", "tab", "watched"),
        program: fc.constantFrom("published", "mixed", "nested"),
        runtime: fc.constantFrom("best", "webgpu", "cpu"),
        size: fc.constantFrom("small", "medium", "batch"),
        kept: number(300, 999),
        parents: number(1, 1658880),
        bytes: fc.constantFrom(4, 8),
        element: number(-1, 1e6),
        teacher: fc.boolean(),
        hidden: fc.subarray([...hideable]),
        embedded: fc.boolean(),
        language: fc.constantFrom(...languageNames),
      });
    };
    const state = fc.oneof(stateOf("tiny"), stateOf("box64"));
    fc.assert(
      fc.property(state, (one) => {
        const { parts, query } = writeState(one);
        const pairs = Object.entries(query).flatMap(([key, value]) =>
          value === undefined ? [] : [[key, String(value)]],
        );
        expect(readState(parts, new URLSearchParams(pairs))).toEqual(one);
      }),
    );
  });

  test("nonsense is as if it were not there", () => {
    const start = readState([], new URLSearchParams());
    expect(
      readState(
        ["gsd", "nowhere"],
        new URLSearchParams("i=99&side=x&bytes=5&program=none&trace=x&size=-1&hide=all&lang=xx"),
      ),
    ).toEqual(start);
  });

  test("an event belongs to its step", () => {
    const state = readState(["memory", "stack"], new URLSearchParams("event=222&lang=de"));
    expect(moved(state, state.place).event).toBe(222);
    expect(moved(state, { chapter: "memory", step: "freelist" })).toMatchObject({
      event: -1,
      language: "de",
    });
  });

  test("each case has its bounds, and another case starts anew at the same step", () => {
    const read = (query: string) => readState(["gsd", "table"], new URLSearchParams(query));
    expect(read("i=3&o=5&t=2&k=31")).toMatchObject({ case: "tiny", i: 3, o: 5, t: 2, k: 31 });
    expect(read("o=6&t=3&k=32&kept=1000")).toMatchObject({ o: 0, t: 1, k: 5, kept: 1000 });
    const large = read("case=64&i=7&o=79&t=8&k=1650&side=64");
    expect(large).toMatchObject({ case: "box64", i: 7, o: 79, t: 8, k: 1650, side: 64 });
    expect(read("case=64&i=8&o=80&t=9&k=1651&kept=1000")).toMatchObject({
      i: 0,
      o: 0,
      t: 4,
      k: 5,
      kept: 999,
    });
    expect(withCase(large, "tiny")).toEqual(read("side=64"));
    expect(withCase(read("o=3&side=64"), "box64")).toEqual(read("case=64&side=64"));
  });
});
