import { UserError } from "../../src/errors.js";
import { memorySink } from "../../src/formats/source.js";
import { parseStar, type StarFile, writeStar } from "../../src/formats/star/index.js";
import { fuzzLoop, mutate } from "./mutate.js";

const encode = (text: string) => new TextEncoder().encode(text);

const seeds = [
  "\n# version 30001\n\ndata_optics\n\nloop_ \n_rlnOpticsGroup #1 \n_rlnVoltage #2 \n           1   300.000000 \n \n\ndata_particles\n\nloop_\n_rlnImageName #1\n_rlnDefocusU #2\n000001@a.mrcs 1.5e4\n000002@a.mrcs -3\n",
  "data_general\n_rlnOutputRootName 'a b'\n_rlnPixelSize 1.35\n_x \"\"\n",
  'data_\r\nloop_\r\n_a\r\n_b\r\n1\t2\r\n3\t"x y"',
].map(encode);

const snippets = [
  "data_",
  "loop_",
  "_a",
  " #1",
  '"',
  "'",
  ";",
  "\n",
  "\r",
  "\t",
  "\0",
  "1e999",
  "-",
  "\\a",
  "nan",
  "\n\n",
  "é",
  "9".repeat(40),
].map(encode);

/** Rows and cells of a file by a second, naive reading: lines split at white space, for input without quotes. */
function naiveCells(bytes: Uint8Array): string[] | undefined {
  const text = new TextDecoder("utf-8", { ignoreBOM: false }).decode(bytes);
  if (/[^\t\n\r !$%&(-:<-~]/.test(text)) return undefined;
  const cells: string[] = [];
  for (const line of text.split("\n")) {
    const words = line.split(/[ \t\r]+/).filter((word) => word !== "");
    if (words.length === 0 || /^data_/i.test(words[0])) continue;
    cells.push(...words.slice(/^loop_$/i.test(words[0]) ? 1 : 0));
  }
  return cells.sort();
}

const cellsOf = (file: StarFile) =>
  file.blocks
    .flatMap((block) => block.labels.flatMap((label) => [`_${label}`, ...block.strings(label)]))
    .sort();

const dump = (file: StarFile) =>
  JSON.stringify(
    file.blocks.map((block) => [
      block.name,
      block.rowCount,
      block.labels.map((label) => [label, block.strings(label)]),
    ]),
  );

/**
 * Mutated STAR files: the reader either refuses them with a `UserError` or reads every cell; what it read comes back
 * after writing.
 */
export function fuzzStar(options: { seconds: number; seed: number }): Promise<{ executions: number }> {
  return fuzzLoop("STAR", options, async (random) => {
    const input = mutate(seeds[random.below(seeds.length)] as Uint8Array, random, snippets);
    let file: StarFile;
    try {
      file = parseStar(input, "input");
    } catch (error) {
      if (error instanceof UserError) return input;
      throw error;
    }
    const naive = naiveCells(input);
    if (naive !== undefined && JSON.stringify(naive) !== JSON.stringify(cellsOf(file)))
      throw new Error(`misread ${JSON.stringify(new TextDecoder().decode(input))}`);
    const sink = memorySink();
    try {
      await writeStar(file, sink);
    } catch (error) {
      if (error instanceof UserError) return input;
      throw error;
    }
    if (dump(parseStar(sink.bytes(), "written")) !== dump(file))
      throw new Error(`writing changed ${JSON.stringify(new TextDecoder().decode(input))}`);
    for (const block of file.blocks)
      for (const label of block.labels) {
        try {
          block.numbers(label);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }
    return input;
  });
}
