import { useEffect, useMemo, useState } from "preact/hooks";
import { type CaseShape, childrenOf, parentsOf } from "../../../../src/app/small-case/case.js";
import type { Selection } from "../../../../src/app/small-case/select.js";
import { Measure } from "../../shell/ui.js";
import { selectLatest } from "../compute.js";
import { mostKept } from "../model/state.js";
import { elementOf, layoutBytes } from "../model/weights.js";
import { Figure, heat, Measures, Slider, type ViewProps } from "../parts.js";
import { heatScale, MarkedPicture, Picture, stepOf } from "../picture.js";
import type { Prepared } from "../teach.worker.js";
import { decimal, From, fill, number, words } from "../text.js";
import { Precision } from "./bytes.js";
import { translationName } from "./names.js";

/** The children of a parent: orientations down, translations across. */
function Group({
  shape,
  values,
  name,
  chosen,
  onChoose,
}: {
  readonly shape: CaseShape;
  readonly values: Float32Array | Float64Array;
  readonly name: string;
  readonly chosen: number;
  readonly onChoose: (child: number) => void;
}) {
  const { rotations, shifts } = shape;
  const shades = useMemo(
    () => Int16Array.from(values, (value) => stepOf(0.08 + 0.92 * Math.sqrt(value))),
    [values.buffer, values.byteOffset],
  );
  return (
    <div class="teach-group">
      <MarkedPicture
        picture={{ rows: rotations, columns: shifts, shades, scale: heatScale }}
        marked={chosen < 0 ? undefined : [Math.floor(chosen / shifts), chosen % shifts]}
        label={name}
        onPoint={(row, column) => onChoose(row * shifts + column)}
      />
    </div>
  );
}

/** Coarse weights of all parents, those that are kept in front. */
function Parents({ all, selection }: { readonly all: Prepared; readonly selection: Selection }) {
  const { shape, name } = all.data;
  const { coarse, weights } = selection;
  const { firstSample_g, start_i } = weights;
  const [parents, children] = [parentsOf(shape), childrenOf(shape)];
  const kept = (i: number) =>
    new Set(Array.from(firstSample_g.subarray(start_i[i], start_i[i + 1]), (first) => first / children));
  return (
    <div class={name === "tiny" ? "teach-parents" : "teach-parents teach-many"}>
      {Array.from({ length: shape.particles }, (_, i) => {
        const own = kept(i);
        const label = fill(words.weights.keeps, {
          particle: i + 1,
          kept: start_i[i + 1] - start_i[i],
          parents,
        });
        const values = coarse.subarray(i * parents, (i + 1) * parents);
        return name === "tiny" ? (
          <div key={i} role="img" aria-label={label}>
            {Array.from(values, (value, parent) => (
              <span
                key={parent}
                class={`teach-parent ${own.has(parent) ? "kept" : "gone"}`}
                style={{ background: heat(Math.sqrt(value)).background }}
              />
            ))}
          </div>
        ) : (
          <div key={i} role="img" aria-label={label}>
            <span aria-hidden="true">{i + 1}</span>
            <ManyParents values={values} kept={own} />
            <span aria-hidden="true">{start_i[i + 1] - start_i[i]}</span>
          </div>
        );
      })}
    </div>
  );
}

/** Kept parents from the middle of the scale on, the others faint. */
const goneScale = heatScale.slice(0, 6);
const keptScale = heatScale.slice(16);
const parentScale = [...goneScale, ...keptScale];
/** A row of all parents would be thinner than a pixel of a screen: it goes on in the next line. */
const linesOfParents = 4;

function ManyParents({
  values,
  kept,
}: {
  readonly values: Float64Array;
  readonly kept: ReadonlySet<number>;
}) {
  const shades = Int16Array.from(values, (value, parent) => {
    const share = Math.sqrt(value);
    return kept.has(parent) ? goneScale.length + stepOf(share, keptScale) : stepOf(share, goneScale);
  });
  const columns = values.length / linesOfParents;
  return (
    <Picture
      rows={linesOfParents}
      columns={columns}
      shades={shades}
      scale={parentScale}
      aspect={columns / linesOfParents / 2}
    />
  );
}

/** The survivors, a column of children each. */
function Groups({
  shape,
  selection: { weights },
  element,
  onChoose,
}: {
  readonly shape: CaseShape;
  readonly selection: Selection;
  readonly element: number;
  readonly onChoose: (element: number) => void;
}) {
  const { firstSample_g, start_i, values_gs } = weights;
  const children = childrenOf(shape);
  return (
    <div class="teach-groups">
      {Array.from(firstSample_g, (first, g) => {
        const { particle } = elementOf(shape, weights, g * children);
        return (
          <div key={`${particle} ${first}`} class={start_i.includes(g) ? "teach-begins" : ""}>
            <Group
              shape={shape}
              name={fill(words.weights.group, {
                group: g,
                particle: particle + 1,
                parent: first / children,
              })}
              values={values_gs.subarray(g * children, (g + 1) * children)}
              chosen={Math.floor(element / children) === g ? element % children : -1}
              onChoose={(child) => onChoose(g * children + child)}
            />
            <code>{first}</code>
          </div>
        );
      })}
    </div>
  );
}

/** All values of a short array; first, last and length of a long one. */
function arrayText(values: Uint32Array, short: number): string {
  if (values.length <= short) return `[${values.join(", ")}]`;
  const [first, last] = [values.subarray(0, 8), values.subarray(-3)];
  return fill(words.weights.longArray, {
    first: first.join(", "),
    last: last.join(", "),
    length: values.length,
  });
}

/** What the selection of a fraction is, once the worker has found it; that before stays until then. */
function useSelection(name: Prepared["data"]["name"], fraction: number): Selection | undefined {
  const [found, setFound] = useState<{ readonly name: string; readonly selection: Selection }>();
  useEffect(() => {
    let current = true;
    selectLatest(name, fraction).then(
      (selection) => current && selection !== undefined && setFound({ name, selection }),
    );
    return () => {
      current = false;
    };
  }, [name, fraction]);
  return found?.name === name ? found.selection : undefined;
}

export function GroupsView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const { data } = all;
  const { shape } = data;
  const selection = useSelection(data.name, state.kept / 1000);
  const text = words.weights;
  const drawn = useMemo(
    () => selection !== undefined && <Parents all={all} selection={selection} />,
    [selection],
  );
  if (selection === undefined) return <p class="quiet">{text.wait}</p>;
  const { weights } = selection;
  const { firstSample_g, start_i, values_gs } = weights;
  const [parents, children] = [parentsOf(shape), childrenOf(shape)];
  const groups = firstSample_g.length;
  const element = Math.min(state.element, groups * children - 1);
  const own = element < 0 ? undefined : elementOf(shape, weights, element);
  const bytes = layoutBytes(groups, shape.particles * parents, state.bytes as 4 | 8);
  const tiny = data.name === "tiny";
  return (
    <div class="teach-stack">
      <Slider
        name={text.kept}
        value={state.kept}
        least={300}
        most={mostKept[data.name]}
        text={`${decimal((state.kept / 10).toFixed(1))} %`}
        onChange={(kept) => update({ kept, element: -1 })}
      />
      <Figure
        note={
          <>
            {fill(tiny ? text.coarse : text.coarseMany, { particles: shape.particles, parents })}{" "}
            <From origin="reference" />
          </>
        }
      >
        {drawn}
      </Figure>
      <Figure
        note={
          <>
            {fill(text.compact, { groups, children, rotations: shape.rotations, shifts: shape.shifts })}{" "}
            <From origin="reference" />
          </>
        }
      >
        <Groups
          shape={shape}
          selection={selection}
          element={element}
          onChoose={(chosen) => update({ element: chosen })}
        />
      </Figure>
      <p class="teach-arrays">
        <code>firstSample_g = {arrayText(firstSample_g, tiny ? groups : 16)}</code>
        <code>start_i = {arrayText(start_i, 16)}</code>
      </p>
      <Slider
        name={text.element}
        walks
        value={element}
        least={-1}
        most={groups * children - 1}
        text={own === undefined ? text.chooseOne : `${element}`}
        onChange={(value) => update({ element: value })}
      />
      {own !== undefined && (
        <p role="status">
          {fill(text.isSample, {
            element: `${element}`,
            sample: `${own.sample}`,
            particle: own.particle + 1,
            orientation: own.orientation + 1,
            rotation: own.rotation + 1,
            rotations: shape.rotations,
            translation: translationName(data, own.translation),
            shift: own.shift + 1,
            shifts: shape.shifts,
            pose: poseText(all, own.sample),
            weight: decimal(values_gs[element].toPrecision(3)),
          })}
        </p>
      )}
      <Precision state={state} update={update} />
      <Measures origin="formula">
        <Measure name={text.layouts.dense} value={number(bytes.dense)} unit={text.bytes} />
        <Measure name={text.layouts.pairs} value={number(bytes.pairs)} unit={text.bytes} />
        <Measure name={text.layouts.grouped} value={number(bytes.grouped)} unit={text.bytes} />
      </Measures>
    </div>
  );
}

function poseText({ data: { poses } }: Prepared, sample: number): string {
  const [rot, tilt, psi, x, y] = poses.subarray(5 * sample, 5 * sample + 5);
  return fill(words.weights.pose, {
    rot: decimal(rot.toFixed(1)),
    tilt: decimal(tilt.toFixed(1)),
    psi: decimal(psi.toFixed(1)),
    x: decimal(x.toFixed(2)),
    y: decimal(y.toFixed(2)),
  });
}
