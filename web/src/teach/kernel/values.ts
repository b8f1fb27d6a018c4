/** Types of the part of WGSL that the coarse pass is written in. `int` and `float` are numbers without a suffix. */
export type Scalar = "f32" | "u32" | "i32" | "bool" | "int" | "float";
export type WgslType =
  | { readonly kind: "scalar"; readonly of: Scalar }
  | { readonly kind: "vector"; readonly of: Scalar; readonly size: number }
  | { readonly kind: "array"; readonly of: WgslType; readonly length: number }
  | { readonly kind: "struct"; readonly fields: Readonly<Record<string, WgslType>> }
  | { readonly kind: "none" };

/** A scalar, the components of a vector, or the elements of an array. Vectors are never changed in place. */
export type Value = number | boolean | readonly number[] | Value[];

export const scalar = (of: Scalar): WgslType => ({ kind: "scalar", of });
export const none: WgslType = { kind: "none" };

/** 32-bit words of a value in a buffer. */
export function words(type: WgslType): number {
  if (type.kind === "scalar") return 1;
  if (type.kind === "vector") return type.size;
  throw new Error(`a buffer cannot hold ${describe(type)}`);
}

export function describe(type: WgslType): string {
  if (type.kind === "scalar") return type.of;
  if (type.kind === "vector") return `vec${type.size}<${type.of}>`;
  if (type.kind === "array") return `array<${describe(type.of)}>`;
  return type.kind;
}

/** Whether a value of a type can be given to what is declared: the type itself, or a literal of it. */
export function becomes(type: WgslType, declared: WgslType): boolean {
  if (describe(type) === describe(declared)) return true;
  if (type.kind !== "scalar" || declared.kind !== "scalar") return false;
  return (
    (type.of === "int" && declared.of !== "bool" && declared.of !== "float") ||
    (type.of === "float" && declared.of === "f32")
  );
}

export function zero(type: WgslType): Value {
  if (type.kind === "scalar") return type.of === "bool" ? false : 0;
  if (type.kind === "vector") return new Array<number>(type.size).fill(0);
  if (type.kind === "array") return Array.from({ length: type.length }, () => zero(type.of));
  throw new Error(`no value of ${describe(type)}`);
}

type Binary = (a: number, b: number) => number | boolean;

const comparisons: Readonly<Record<string, Binary>> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};
const floats: Readonly<Record<string, Binary>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};
const unsigned: Readonly<Record<string, Binary>> = {
  "+": (a, b) => (a + b) >>> 0,
  "-": (a, b) => (a - b) >>> 0,
  "*": (a, b) => Math.imul(a, b) >>> 0,
  "/": (a, b) => (b === 0 ? a : Math.floor(a / b)),
  "%": (a, b) => (b === 0 ? 0 : a % b),
  "^": (a, b) => (a ^ b) >>> 0,
  "&": (a, b) => (a & b) >>> 0,
  "|": (a, b) => (a | b) >>> 0,
  "<<": (a, b) => (a << b) >>> 0,
  ">>": (a, b) => a >>> b,
};
const signed: Readonly<Record<string, Binary>> = {
  "+": (a, b) => (a + b) | 0,
  "-": (a, b) => (a - b) | 0,
  "*": (a, b) => Math.imul(a, b),
  "/": (a, b) => (b === 0 ? a : (a / b) | 0),
  "%": (a, b) => (b === 0 ? 0 : (a % b) | 0),
  "^": (a, b) => a ^ b,
  "&": (a, b) => a & b,
  "|": (a, b) => a | b,
  "<<": (a, b) => a << b,
  ">>": (a, b) => a >> b,
};

/** The type that both operands of a binary operator become, or undefined where WGSL forbids them together. */
function common(a: Scalar, b: Scalar): Scalar | undefined {
  if (a === b) return a;
  const [literal, other] = a === "int" || a === "float" ? [a, b] : [b, a];
  if (literal === "int" && other !== "bool") return other;
  return literal === "float" && other === "f32" ? other : undefined;
}

/** Type of a binary operation and how it is computed, or undefined where there is none. */
export function binary(
  operator: string,
  left: WgslType,
  right: WgslType,
): { type: WgslType; apply: (a: Value, b: Value) => Value } | undefined {
  if (
    (left.kind !== "scalar" && left.kind !== "vector") ||
    (right.kind !== "scalar" && right.kind !== "vector")
  )
    return undefined;
  const shift = operator === "<<" || operator === ">>";
  const of = shift ? left.of : common(left.of, right.of);
  if (of === undefined) return undefined;
  const table = of === "f32" || of === "float" ? floats : of === "u32" || of === "int" ? unsigned : signed;
  const one = comparisons[operator] ?? table[operator];
  if (one === undefined) return undefined;
  if (left.kind === "scalar" && right.kind === "scalar")
    return {
      type: scalar(operator in comparisons ? "bool" : of),
      apply: one as (a: Value, b: Value) => Value,
    };
  if (left.kind === "vector" && right.kind === "vector" && left.size !== right.size) return undefined;
  const size = left.kind === "vector" ? left.size : (right as { size: number }).size;
  const each = one as (a: number, b: number) => number;
  const apply = (a: Value, b: Value): Value => {
    const out = new Array<number>(size);
    for (let c = 0; c < size; c++)
      out[c] = each(
        typeof a === "number" ? a : (a as number[])[c],
        typeof b === "number" ? b : (b as number[])[c],
      );
    return out;
  };
  return { type: { kind: "vector", of, size }, apply };
}

const isVector = (value: Value): value is readonly number[] => typeof value === "object";

/** Built-in functions: the type of the result by the types of the arguments, and the value. */
export const builtins: Readonly<
  Record<string, { type: (args: WgslType[]) => WgslType; apply: (...args: Value[]) => Value }>
> = {
  min: { type: widest, apply: (a, b) => Math.min(a as number, b as number) },
  max: { type: widest, apply: (a, b) => Math.max(a as number, b as number) },
  sqrt: { type: widest, apply: (a) => Math.sqrt(a as number) },
  abs: { type: widest, apply: (a) => Math.abs(a as number) },
  dot: {
    type: ([a]) => (a.kind === "vector" ? scalar(a.of) : none),
    apply: (a, b) =>
      isVector(a) && isVector(b)
        ? a.reduce((sum, value, c) => sum + value * (b[c] as number), 0)
        : Number.NaN,
  },
  select: { type: widest, apply: (no, yes, which) => (which ? yes : no) },
};

function widest([a, b]: WgslType[]): WgslType {
  return a.kind === "scalar" && (a.of === "int" || a.of === "float") && b !== undefined ? b : a;
}
