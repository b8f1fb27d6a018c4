import type { StepName } from "../model/state.js";
import { words } from "../text.js";

/** Letters in the page's own type: few machines have a font for mathematics. */
const letter = (text: string) => (
  <mi key={text} mathvariant="normal">
    {text}
  </mi>
);
/** An index, lowered by hand for the same reason. */
const letters = (text: string) => <mpadded voffset="-0.25em">{[...text].map(letter)}</mpadded>;

const symbols = { slice: "S", image: "X", ctf: "C", weight: "w" } as const;
const term = (name: keyof typeof symbols, index: string) => (
  <msub class={`teach-${name}`}>
    {letter(symbols[name])}
    {letters(index)}
  </msub>
);

const phase = (
  <msub>
    {letter("e")}
    {letters("kt")}
  </msub>
);

const square = (
  <msup>
    <mrow>
      <mo>|</mo>
      {term("ctf", "ik")}
      {term("slice", "ok")}
      <mo>−</mo>
      {term("image", "ik")}
      {phase}
      <mo>|</mo>
    </mrow>
    <mn>2</mn>
  </msup>
);

const half = (
  <mfrac>
    <mn>1</mn>
    <mn>2</mn>
  </mfrac>
);

const sum = (from: string, to: string) => (
  <munderover>
    <mo>∑</mo>
    <mrow>
      {letter("k")}
      <mo>=</mo>
      <mn>{from}</mn>
    </mrow>
    <mn>{to}</mn>
  </munderover>
);

const gamma = (
  <msub>
    {letter("Γ")}
    {letters("iot")}
  </msub>
);

/** The formulas of the paper, with the part that a step is about in front. */
export function Formula({
  step,
  depth,
  part: asked,
  pixels,
}: {
  readonly step: StepName;
  readonly depth: number;
  readonly part: number;
  readonly pixels: number;
}) {
  const parts = Math.ceil(pixels / depth);
  const part = Math.min(asked, parts - 1);
  const range = (n: number) => [String(n * depth + 1), String(Math.min(pixels, (n + 1) * depth))] as const;
  const shown = parts <= 2 ? Array.from({ length: parts }, (_, n) => n) : [part];
  return (
    <section class="teach-formula" aria-label={words.formula.label}>
      <p data-current={step === "number" || step === "table"}>
        <span class="teach-formula-name">5.1</span>
        <math display="block">
          {gamma}
          <mo>=</mo>
          {half}
          {sum("1", String(pixels))}
          {term("weight", "ik")}
          {square}
        </math>
      </p>
      <p data-current={step === "tile"}>
        <span class="teach-formula-name">5.2</span>
        <math display="block">
          <mo>=</mo>
          {shown.map((n, at) => (
            <mrow key={n} class={n === part && step === "tile" ? "teach-now" : ""}>
              {at > 0 && <mo>+</mo>}
              {parts > 2 && part > 0 && <mo>…+</mo>}
              {half}
              {sum(...range(n))}
              {term("weight", "ik")}
              {square}
              {parts > 2 && part < parts - 1 && <mo>+…</mo>}
            </mrow>
          ))}
        </math>
      </p>
      <p data-current={step === "product"}>
        <span class="teach-formula-name">{words.formula.expanded}</span>
        <math display="block">
          <mo>=</mo>
          <mrow class="teach-energy">
            {half}
            <mo>∑</mo>
            {term("weight", "ik")}
            <msup>
              {term("ctf", "ik")}
              <mn>2</mn>
            </msup>
            <msup>
              <mrow>
                <mo>|</mo>
                {term("slice", "ok")}
                <mo>|</mo>
              </mrow>
              <mn>2</mn>
            </msup>
          </mrow>
          <mo>−</mo>
          <mrow>
            <mi class="teach-upright">Re</mi>
            <mo>∑</mo>
            <msup>
              {term("slice", "ok")}
              <mo>*</mo>
            </msup>
            {term("weight", "ik")}
            {term("ctf", "ik")}
            {term("image", "ik")}
            {phase}
          </mrow>
          <mo>+</mo>
          <mrow class="teach-constant">
            {half}
            <mo>∑</mo>
            {term("weight", "ik")}
            <msup>
              <mrow>
                <mo>|</mo>
                {term("image", "ik")}
                <mo>|</mo>
              </mrow>
              <mn>2</mn>
            </msup>
          </mrow>
        </math>
      </p>
    </section>
  );
}
