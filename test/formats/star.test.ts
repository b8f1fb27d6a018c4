import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError, UserError } from "../../src/errors.js";
import { bytesSource, memorySink } from "../../src/formats/source.js";
import {
  formatImageName,
  parseImageName,
  parseStar,
  readParticles,
  readStar,
  StarTable,
  writeStar,
} from "../../src/formats/star/index.js";
import { formatReal, parseNumber, realAsWritten, writeReal } from "../../src/formats/star/number.js";
import { describeShared } from "../support/shared.js";

const text = (content: string) => new TextEncoder().encode(content);
const parse = (content: string) => parseStar(text(content), "test.star");

async function written(file: { blocks: StarTable[] }): Promise<Uint8Array> {
  const sink = memorySink();
  await writeStar(file, sink);
  return sink.bytes();
}

/** Everything a file holds, as plain values. */
const contents = (file: { blocks: StarTable[] }) =>
  file.blocks.map((block) => ({
    name: block.name,
    loop: block.isLoop,
    rows: block.rowCount,
    columns: block.labels.map((label) => [label, block.strings(label)]),
  }));

describe("STAR dialects", () => {
  const loop = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnDefocusU #2\n";

  test.each([
    ["plain", `${loop}1@a.mrcs 100.5\n2@a.mrcs -2e3\n`],
    ["CRLF", `${loop}1@a.mrcs 100.5\n2@a.mrcs -2e3\n`.replaceAll("\n", "\r\n")],
    ["tabs", `${loop}1@a.mrcs\t100.5\n\t2@a.mrcs\t-2e3\t\n`],
    ["no final newline", `${loop}1@a.mrcs 100.5\n2@a.mrcs -2e3`],
    ["comments", `# one\n${loop}# between\n1@a.mrcs 100.5 # behind\n2@a.mrcs -2e3\n# end`],
    ["byte order mark", `\ufeff${loop}1@a.mrcs 100.5\n2@a.mrcs -2e3\n`],
    [
      "unnumbered labels",
      "data_particles\nloop_\n_rlnImageName\n_rlnDefocusU\n1@a.mrcs 100.5\n2@a.mrcs -2e3\n",
    ],
    [
      "labels on one line",
      "data_particles\nloop_ _rlnImageName #1 _rlnDefocusU #2\n1@a.mrcs 100.5\n2@a.mrcs -2e3\n",
    ],
    ["all on one line", "data_particles\nloop_ _rlnImageName _rlnDefocusU 1@a.mrcs 100.5 2@a.mrcs -2e3\n"],
    [
      "remarks behind labels",
      "data_particles\nloop_\n_rlnImageName #1 [a name]\n_rlnDefocusU #2 in A\n1@a.mrcs 100.5\n2@a.mrcs -2e3\n",
    ],
    ["blank lines between rows", `${loop}1@a.mrcs 100.5\n\n2@a.mrcs -2e3\n\n`],
    ["quoted values", `${loop}'1@a.mrcs' "100.5"\n"2@a.mrcs" -2e3\n`],
  ])("%s", (_, content) => {
    const table = parse(content).get("particles");
    expect(table.labels).toEqual(["rlnImageName", "rlnDefocusU"]);
    expect(table.strings("rlnImageName")).toEqual(["1@a.mrcs", "2@a.mrcs"]);
    expect(Array.from(table.numbers("rlnDefocusU"))).toEqual([100.5, -2000]);
  });

  test("name/value pairs, quotes with blanks, empty strings, RELION's escaped quote", () => {
    const table = parse(`data_\n_a 'x y'\n_b ""\n_c "say \\ahi\\a"\n_d it's\n_e "a"b c"\n`)
      .blocks[0] as StarTable;
    expect(table.isLoop).toBe(false);
    expect(table.labels.map((label) => table.string(label))).toEqual([
      "x y",
      "",
      'say "hi"',
      "it's",
      'a"b c',
    ]);
  });

  test("empty loops, empty blocks, repeated and unnamed blocks are kept in order", () => {
    const file = parse("data_\nloop_\n_a #1\n\ndata_x\n_k 1\ndata_x\n_k 2\ndata_empty\n");
    expect(contents(file)).toEqual([
      { name: "", loop: true, rows: 0, columns: [["a", []]] },
      { name: "x", loop: false, rows: 1, columns: [["k", ["1"]]] },
      { name: "x", loop: false, rows: 1, columns: [["k", ["2"]]] },
      { name: "empty", loop: false, rows: 0, columns: [] },
    ]);
    expect(file.get("x").number("k")).toBe(1);
  });

  test("infinities and NaN, which RELION writes, are numbers", () => {
    const values = parse("data_\nloop_\n_a\ninf\n-inf\nnan\n-NaN\n").get("").numbers("a");
    expect(Array.from(values)).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.NaN,
    ]);
  });

  test.each([
    [
      "ragged row",
      `${loop}1@a.mrcs\n`,
      /test\.star:6: a row of data_particles has 1 values for 2 labels \(_rlnDefocusU/,
    ],
    ["long row", `${loop}1@a.mrcs 1 2\n`, /:6: .*3 values for 2 labels/],
    ["open quote", `${loop}"1@a.mrcs 1\n`, /:6: the quote before .* is not closed/],
    ["not STAR", "hello\n", /:1: "hello" found where a data_ block/],
    ["empty", "", /holds no data_ block/],
    ["no labels", "data_\nloop_\n1 2\n", /:3: the loop of data_ has no labels/],
    ["two loops", "data_\nloop_\n_a\n1\nloop_\n_b\n2\n", /:5: a second loop in data_/],
    ["list behind loop", "data_\nloop_\n_a\n1\n_b 2\n", /:5: /],
    ["label twice", "data_\nloop_\n_a\n_a\n1 2\n", /:4: label _a stands twice/],
    ["label without value", "data_\n_a\n", /:2: _a has no value/],
    ["two values", "data_\n_a 1 2\n", /:2: _a has more than one value/],
    ["text field", "data_\n_a 1\n_b\n;text\n;\n", /:3: _b has no value/],
    ["text field in a loop", "data_\nloop_\n_a\n;text\n;\n", /:4: a text field over several lines/],
    ["NUL byte", "data_\n_a \0\n", /:2: holds a NUL byte/],
    ["UTF-16", "\u{feff}", /no data_ block/],
  ])("%s is refused", (_, content, message) => {
    expect(() => parse(content)).toThrow(FormatError);
    expect(() => parse(content)).toThrow(message);
  });

  test("a value that is no number names line, label and value", () => {
    const table = parse(`${loop}1@a.mrcs 1\n2@a.mrcs 1.2.3\n`).get("particles");
    expect(() => table.numbers("rlnDefocusU")).toThrow(
      'test.star:7: rlnDefocusU is "1.2.3" in row 2 of data_particles; a number was expected',
    );
    expect(() => parse("data_\n_a 1.5\n").get("").integers("a")).toThrow(/an integer was expected/);
  });

  test("missing tables and labels name what there is", () => {
    const file = parse(`${loop}1@a.mrcs 1\n`);
    expect(() => file.get("particle")).toThrow("did you mean data_particles?");
    expect(() => file.get("particles").numbers("rlnDefocusu")).toThrow("the nearest one is rlnDefocusU");
  });

  test("a truncated source is an error", async () => {
    const source = { ...bytesSource(text("data_\n")), size: 100 };
    await expect(readStar(source)).rejects.toThrow(/ends after 6 of 100 bytes/);
  });
});

describe("numbers", () => {
  const value = (token: string) => parseNumber(text(token), 0, token.length);

  test("every double comes back from its shortest text, as Number() reads it", () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true }).filter((x) => !Object.is(x, -0)),
        (x) => {
          expect(value(String(x).replace("Infinity", "inf"))).toBe(x);
          const fixed = x.toPrecision(12);
          if (Number.isFinite(x)) expect(value(fixed)).toBe(Number(fixed));
        },
      ),
    );
  });

  test.each(["", "+", ".", "1e", "1e+", "0x10", "1_0", "1,5", "--1", "1.2.3", "12a", "e5", "infin"])(
    "%j is no number",
    (token) => {
      expect(value(token)).toBeUndefined();
    },
  );

  test("reals are written as RELION writes them", () => {
    // Values copied from STAR files that RELION 3.1.3 wrote.
    expect([32, -5, 0.000116341132, 136094.9, 0, 90, -0.0002].map(formatReal)).toEqual([
      "   32.000000",
      "    -5.00000",
      "1.163411e-04",
      "1.360949e+05",
      "    0.000000",
      "   90.000000",
      "-2.00000e-04",
    ]);
  });

  test("the fast writer equals toFixed on all magnitudes and near ties", () => {
    const buffer = new Uint8Array(64);
    const write = (x: number) => new TextDecoder().decode(buffer.subarray(0, writeReal(x, buffer, 0)));
    const near = fc.tuple(fc.integer({ min: -1e10, max: 1e10 }), fc.integer({ min: -3, max: 3 }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.double({ min: -2e5, max: 2e5 }),
          near.map(([n, d]) => (n + 0.5) * 1e-6 + d * 1e-13),
        ),
        (x) => {
          expect(write(x)).toBe(formatReal(x));
          expect(realAsWritten(x)).toEqual(Number(formatReal(x)));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("writing", () => {
  test("new tables follow RELION's layout", async () => {
    const optics = StarTable.fromColumns("optics", {
      rlnOpticsGroup: Int32Array.of(1),
      rlnOpticsGroupName: ["opticsGroup1"],
      rlnVoltage: Float64Array.of(300),
    });
    const general = StarTable.fromPairs("general", {
      rlnCurrentIteration: 3,
      rlnPixelSize: 1.5,
      rlnOutputRootName: "r/run",
    });
    expect(new TextDecoder().decode(await written({ blocks: [general, optics] }))).toBe(
      "\n# version 30001\n\ndata_general\n\n" +
        "_rlnCurrentIteration                       3\n" +
        "_rlnPixelSize                       1.500000\n" +
        "_rlnOutputRootName              r/run\n \n" +
        "\n# version 30001\n\ndata_optics\n\nloop_ \n_rlnOpticsGroup #1 \n_rlnOpticsGroupName #2 \n_rlnVoltage #3 \n" +
        "           1 opticsGroup1   300.000000 \n \n",
    );
  });

  test("what was not touched keeps its tokens", async () => {
    const file = parse(
      "data_p\nloop_\n_rlnImageName\n_rlnDefocusU\n_rlnNote\n1@a 1.23456789012345 'x y'\n2@a 1e5 z\n",
    );
    file.get("p").set("rlnAngleRot", Float64Array.of(1, 2));
    const bytes = new TextDecoder().decode(await written(file));
    expect(bytes).toContain("1.23456789012345 ");
    expect(bytes).toContain(" 'x y' ");
    expect(bytes).toContain("         1e5 ");
  });

  test("any table of strings and numbers comes back", async () => {
    const label = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9.]{0,12}$/);
    const value = fc.string({ unit: "binary" }).filter((s) => !/[\n\r\0\ud800-\udfff]|\\a/.test(s));
    const table = fc
      .record({
        labels: fc.uniqueArray(label, { minLength: 1, maxLength: 5 }),
        rows: fc.integer({ min: 0, max: 6 }),
      })
      .chain(({ labels, rows }) =>
        fc.record({
          labels: fc.constant(labels),
          columns: fc.tuple(
            ...labels.map(() =>
              fc.oneof(
                fc.array(value, { minLength: rows, maxLength: rows }),
                fc
                  .array(fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), {
                    minLength: rows,
                    maxLength: rows,
                  })
                  .map((v) => Int32Array.from(v)),
                fc
                  .array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: rows, maxLength: rows })
                  .map((v) => Float64Array.from(v, (x) => x / 1e4)),
              ),
            ),
          ),
        }),
      );
    await fc.assert(
      fc.asyncProperty(table, async ({ labels, columns }) => {
        const original = StarTable.fromColumns(
          "t",
          Object.fromEntries(labels.map((name, i) => [name, columns[i] as string[]])),
        );
        const back = parseStar(await written({ blocks: [original] }), "back").get("t");
        expect(back.labels).toEqual(original.labels);
        for (const [index, name] of labels.entries()) {
          const column = columns[index];
          if (column instanceof Int32Array) expect(back.integers(name)).toEqual(column);
          // 4 decimals, at most 1e5: inside the 6 decimals and 7 digits that RELION's layout keeps.
          else if (column instanceof Float64Array) expect(back.numbers(name)).toEqual(column);
          else expect(back.strings(name)).toEqual(column);
        }
        expect(contents(parseStar(await written({ blocks: [back] }), "again"))).toEqual(
          contents({ blocks: [back] }),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("line breaks in a value are refused", async () => {
    await expect(written({ blocks: [StarTable.fromColumns("t", { a: ["x\ny"] })] })).rejects.toThrow(
      UserError,
    );
  });

  test("row selection keeps order and tokens", () => {
    const table = parse("data_\nloop_\n_a\n_b\n1 x\n2 y\n3 z\n").get("");
    table.set("c", Int32Array.of(7, 8, 9));
    const picked = table.selectRows([2, 0]).selectRows([1, 0, 0]);
    expect([picked.strings("a"), picked.strings("b"), Array.from(picked.integers("c"))]).toEqual([
      ["1", "3", "3"],
      ["x", "z", "z"],
      [7, 9, 9],
    ]);
    expect(() => table.selectRows([3])).toThrow(RangeError);
  });
});

describe("RELION 3.0 files", () => {
  const golden = resolve(import.meta.dirname, "../golden/star");
  const info = async () => ({ size: 32, dimensionality: 2 });

  test("are upgraded cell by cell as relion_convert_star 3.1.3 does", async () => {
    const upgraded = await readParticles(bytesSource(readFileSync(join(golden, "particles-3.0.star"))), info);
    const relion = parseStar(readFileSync(join(golden, "particles-3.0.converted.star")), "converted");
    for (const name of ["optics", "particles"]) {
      const ours = upgraded.get(name);
      const theirs = relion.get(name);
      expect(ours.labels).toEqual(theirs.labels);
      for (const label of ours.labels) {
        if (ours.typeOf(label) === "string") expect(ours.strings(label)).toEqual(theirs.strings(label));
        else {
          const expected = theirs.numbers(label);
          // RELION prints 5 decimals for negative values.
          ours.numbers(label).forEach((x, row) => {
            expect(Math.abs(x - expected[row])).toBeLessThan(5.1e-6);
          });
        }
      }
    }
  });

  test("several optics groups are numbered by first appearance; priors are converted too", async () => {
    const rows = ["1@a 300 1 10000 1 2", "2@a 200 1 10000 3 4", "3@a 300 1 10000 5 6", "4@a 300 2 10000 7 8"];
    const content = `data_images\nloop_\n_rlnImageName\n_rlnVoltage\n_rlnDetectorPixelSize\n_rlnMagnification\n_rlnOriginX\n_rlnOriginXPrior\n${rows.join("\n")}\n`;
    const file = await readParticles(bytesSource(text(content)), info);
    const particles = file.get("particles");
    expect(Array.from(particles.integers("rlnOpticsGroup"))).toEqual([1, 2, 1, 3]);
    expect(Array.from(particles.numbers("rlnOriginXAngst"))).toEqual([1, 3, 5, 14]);
    expect(Array.from(particles.numbers("rlnOriginXPriorAngst"))).toEqual([2, 4, 6, 16]);
    expect(file.get("optics").strings("rlnOpticsGroupName")).toEqual([
      "opticsGroup1",
      "opticsGroup2",
      "opticsGroup3",
    ]);
  });

  test("without a pixel size or particles the error says what to add", async () => {
    const read = (content: string) => readParticles(bytesSource(text(content)), info);
    await expect(read("data_\nloop_\n_rlnImageName\n1@a\n")).rejects.toThrow(/rlnDetectorPixelSize/);
    await expect(read("data_\nloop_\n_rlnCoordinateX\n1\n")).rejects.toThrow(/holds no particles/);
  });
});

test("image names count from 1 and come back", () => {
  expect(parseImageName("000012@path/stack.mrcs")).toEqual({ index: 11, path: "path/stack.mrcs" });
  expect(parseImageName("map.mrc")).toEqual({ path: "map.mrc" });
  expect(formatImageName({ index: 11, path: "a@b.mrcs" })).toBe("000012@a@b.mrcs");
  expect(parseImageName("000012@a@b.mrcs")).toEqual({ index: 11, path: "a@b.mrcs" });
  expect(() => parseImageName("0@a.mrcs")).toThrow(/count from 1/);
});

describeShared("STAR files of other programs", (shared) => {
  const data = join(shared, "data");
  /** Files that are no sound STAR files, and why. */
  const refused: Record<string, RegExp> = {
    "ComputationalCryoEM+ASPIRE-Python/tests/saved_test_data/sample.star": /5 values for 4 labels/,
    "hanjinliu+himena-relion/tests/default_pipelines/no_input.star": /2 values for 3 labels/,
    "dials+data-files/relion_tutorial/Refine3D/job019/job.star": /12 values for 11 labels/,
  };

  test("are read and survive writing, or are refused for the stated reason", async () => {
    const files = readdirSync(data, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".star"),
    );
    expect(files.length).toBeGreaterThan(150);
    for (const file of files) {
      const bytes = readFileSync(join(data, file));
      const reason = refused[file.replaceAll("\\", "/")];
      if (reason !== undefined) {
        expect(() => parseStar(bytes, file)).toThrow(reason);
        continue;
      }
      const star = parseStar(bytes, file);
      const again = parseStar(await written(star), file);
      expect(contents(again), file).toEqual(contents(star));
      for (const block of star.blocks)
        for (const label of block.labels) if (block.typeOf(label) === "double") block.numbers(label);
    }
  });

  test("the particle count of the real set is what its lines say", () => {
    const bytes = readFileSync(join(data, "betagal-empiar10204/particles_good.star"), "utf8");
    const rows = bytes.split("\n").filter((line) => /\d+@/.test(line)).length;
    const star = parseStar(text(bytes), "particles_good.star");
    expect(star.get("particles").rowCount).toBe(rows);
    expect(rows).toBe(671);
  });
});
