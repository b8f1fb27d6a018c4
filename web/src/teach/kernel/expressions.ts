import * as ast from "wgsl_reflect/wgsl_reflect.module.js";
import {
  becomes,
  binary,
  builtins,
  describe,
  none,
  type Scalar,
  scalar,
  type Value,
  type WgslType,
  zero,
} from "./values.js";

/** What a kernel reads and writes beside its own variables. Elements, not bytes; arrays by their place in `storage` and `shared`. */
export interface KernelMemory {
  load(buffer: number, index: number, lane: number): Value;
  store(buffer: number, index: number, value: Value, lane: number): void;
  loadShared(array: number, index: number, lane: number): Value;
  storeShared(array: number, index: number, value: Value, lane: number): void;
}

export interface Frame {
  readonly locals: Value[];
  readonly memory: KernelMemory;
  readonly params: Readonly<Record<string, number>>;
  readonly lane: number;
  result: Value | undefined;
}

export interface ArrayDeclaration {
  readonly name: string;
  readonly element: WgslType;
  /** Elements; 0 where the buffer decides. */
  readonly length: number;
}

/** What ends a block early. */
export type Exit = "break" | "continue" | "return" | undefined;
export interface Step {
  /** Set where the statement has a barrier in it. */
  readonly waits?: (f: Frame) => Generator<void, Exit>;
  readonly run: (f: Frame) => Exit;
}
export interface Expr {
  readonly type: WgslType;
  readonly get: (f: Frame) => Value;
}
interface Place extends Expr {
  readonly set: (f: Frame, value: Value) => void;
}
export interface Routine {
  readonly type: WgslType;
  slots: number;
  body: Step;
}

/** A mistake in the text of a kernel; `line` counts from 1. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  constructor(
    problem: string,
    readonly line: number,
  ) {
    super(`line ${line}: ${problem}`);
  }
}

const components = "xyzw";

/** Expressions and types of a kernel, compiled to functions of a lane. */
export class Expressions {
  protected readonly globals = new Map<
    string,
    Expr | { storage: number } | { shared: number } | { params: true }
  >();
  protected readonly routines = new Map<string, Routine>();
  protected readonly storage: ArrayDeclaration[] = [];
  protected readonly shared: ArrayDeclaration[] = [];
  protected readonly constants: Record<string, number> = {};
  protected scopes: Map<string, { slot: number; type: WgslType }>[] = [];
  protected slots = 0;
  protected line = 1;

  protected error(problem: string): KernelError {
    return new KernelError(problem, this.line);
  }

  protected fail(problem: string): never {
    throw this.error(problem);
  }

  protected type(node: ast.Type | null): WgslType {
    if (node === null) return none;
    if (node instanceof ast.ArrayType)
      return { kind: "array", of: this.type(node.format), length: node.count };
    const short = /^vec([234])([fui])$/.exec(node.name);
    const of = { f: "f32", u: "u32", i: "i32" } as const;
    if (short !== null) return { kind: "vector", size: Number(short[1]), of: of[short[2] as "f"] };
    if (node instanceof ast.TemplateType && /^vec[234]$/.test(node.name) && node.format !== null)
      return { kind: "vector", size: Number(node.name[3]), of: node.format.name as Scalar };
    if (["f32", "u32", "i32", "bool"].includes(node.name)) return scalar(node.name as Scalar);
    return this.fail(`the type ${node.name} is not known here`);
  }

  protected local(name: string, type: WgslType): number {
    const slot = this.slots++;
    this.scopes[this.scopes.length - 1].set(name, { slot, type });
    return slot;
  }

  protected expression(node: ast.Expression): Expr {
    if (node instanceof ast.LiteralExpr) {
      const { type } = node;
      const value: Value = type.name === "bool" ? node.scalarValue === 1 : node.scalarValue;
      const of = { u32: "u32", i32: "int", x32: "int", f32: "f32", bool: "bool" }[type.name] as
        | Scalar
        | undefined;
      if (of === undefined) return this.fail(`a literal of type ${type.name}`);
      return { type: scalar(of), get: () => value };
    }
    if (node instanceof ast.VariableExpr || node instanceof ast.ConstExpr) return this.place(node);
    let value: Expr;
    if (node instanceof ast.BinaryOperator) value = this.binary(node);
    else if (node instanceof ast.UnaryOperator) value = this.unary(node);
    else if (node instanceof ast.CallExpr) value = this.call(node.name, node.args ?? []);
    else if (node instanceof ast.CreateExpr || node instanceof ast.TypecastExpr)
      value = this.construct(this.type(node.type), node.args ?? []);
    else return this.fail(`the expression ${node.astNodeType} is not known here`);
    return this.postfix({ ...value, set: () => this.fail("this cannot be assigned to") }, node.postfix);
  }

  private binary(node: ast.BinaryOperator): Expr {
    const [left, right] = [this.expression(node.left), this.expression(node.right)];
    const { operator } = node;
    if (operator === "&&" || operator === "||") {
      const stop = operator === "||";
      const get = (f: Frame) => (left.get(f) === stop ? stop : right.get(f));
      return { type: scalar("bool"), get };
    }
    const operation = binary(operator, left.type, right.type);
    if (operation === undefined)
      return this.fail(`${describe(left.type)} ${operator} ${describe(right.type)} is not allowed`);
    const { apply } = operation;
    const [a, b] = [left.get, right.get];
    return { type: operation.type, get: (f) => apply(a(f), b(f)) };
  }

  private unary(node: ast.UnaryOperator): Expr {
    const { type, get } = this.expression(node.right);
    if (node.operator === "!") return { type, get: (f) => !get(f) };
    const negative = binary("-", type, type);
    if (node.operator !== "-" || negative === undefined)
      return this.fail(`${node.operator} is not known here`);
    const nothing = zero(type);
    return { type, get: (f) => negative.apply(nothing, get(f)) };
  }

  protected call(name: string, args: readonly ast.Expression[]): Expr {
    const conversion = ["f32", "u32", "i32", "bool"].includes(name) || /^vec[234][fui]?$/.test(name);
    if (conversion) return this.construct(this.type(new ast.Type(name)), args);
    const given = args.map((argument) => this.expression(argument));
    const routine = this.routines.get(name);
    if (routine === undefined) {
      const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
      if (builtin === undefined) return this.fail(`there is no function ${name}`);
      const type = builtin.type(given.map((argument) => argument.type));
      const [a, b, c] = given.map(({ get }) => get);
      if (given.length === 1) return { type, get: (f) => builtin.apply(a(f)) };
      if (given.length === 2) return { type, get: (f) => builtin.apply(a(f), b(f)) };
      return { type, get: (f) => builtin.apply(a(f), b(f), c(f)) };
    }
    const values = given.map(({ get }) => get);
    return {
      type: routine.type,
      get(f) {
        const locals: Value[] = new Array(routine.slots);
        for (let at = 0; at < values.length; at++) locals[at] = values[at](f);
        const { memory, params, lane } = f;
        const inner: Frame = { locals, memory, params, lane, result: undefined };
        routine.body.run(inner);
        return inner.result ?? 0;
      },
    };
  }

  private construct(type: WgslType, args: readonly ast.Expression[]): Expr {
    const given = args.map((argument) => this.expression(argument).get);
    if (type.kind === "scalar" && given.length === 1) {
      const [get] = given;
      if (type.of === "u32") return { type, get: (f) => Math.trunc(Number(get(f))) >>> 0 };
      if (type.of === "i32") return { type, get: (f) => Math.trunc(Number(get(f))) | 0 };
      return { type, get: (f) => Number(get(f)) };
    }
    if (type.kind === "none") return this.fail("a value is missing here");
    if (type.kind !== "vector")
      return this.fail(`${describe(type)} cannot be made from ${given.length} values`);
    const { size } = type;
    if (given.length === 0) return { type, get: () => zero(type) };
    return {
      type,
      get(f) {
        const parts = given.flatMap((get) => get(f)) as number[];
        return parts.length === 1 ? new Array<number>(size).fill(parts[0]) : parts;
      },
    };
  }

  protected place(node: ast.Expression): Place {
    if (!(node instanceof ast.VariableExpr || node instanceof ast.ConstExpr))
      return this.fail("this cannot be assigned to");
    const { name, postfix } = node;
    const own = this.scopes.findLast((scope) => scope.has(name))?.get(name);
    if (own !== undefined) {
      const { slot, type } = own;
      const set = (f: Frame, value: Value) => {
        f.locals[slot] = value;
      };
      return this.postfix({ type, get: (f) => f.locals[slot], set }, postfix);
    }
    const global = this.globals.get(name);
    if (global === undefined) return this.fail(`there is no variable ${name}`);
    if ("params" in global) {
      if (!(postfix instanceof ast.StringExpr)) return this.fail(`${name} needs a field`);
      const field = postfix.value;
      return {
        type: scalar("u32"),
        get: (f) => f.params[field],
        set: () => this.fail(`${name} is only read`),
      };
    }
    if ("type" in global)
      return this.postfix({ ...global, set: () => this.fail(`${name} is constant`) }, postfix);
    if (!(postfix instanceof ast.ArrayIndex)) return this.fail(`${name} needs an index`);
    const index = this.index(postfix.index);
    const shared = "shared" in global;
    const at = "shared" in global ? global.shared : global.storage;
    const type = (shared ? this.shared : this.storage)[at].element;
    const element: Place = shared
      ? {
          type,
          get: (f) => f.memory.loadShared(at, index(f), f.lane),
          set: (f, value) => f.memory.storeShared(at, index(f), value, f.lane),
        }
      : {
          type,
          get: (f) => f.memory.load(at, index(f), f.lane),
          set: (f, value) => f.memory.store(at, index(f), value, f.lane),
        };
    return this.postfix(element, postfix.postfix);
  }

  /** WGSL takes whole numbers alone. */
  private index(node: ast.Expression): (f: Frame) => number {
    const { type, get } = this.expression(node);
    if (!becomes(type, scalar("u32")) && !becomes(type, scalar("i32")))
      return this.fail(`${describe(type)} is not an index`);
    return get as (f: Frame) => number;
  }

  /** Elements of local arrays, components of vectors. */
  private postfix(base: Place, node: ast.Expression | null | undefined): Place {
    if (node === null || node === undefined) return base;
    const inner = (type: WgslType, part: (f: Frame) => number): Place =>
      this.postfix(
        {
          type,
          get: (f) => (base.get(f) as Value[])[part(f)],
          set(f, value) {
            const whole = base.get(f) as Value[];
            const changed = base.type.kind === "array" ? whole : [...whole];
            changed[part(f)] = value;
            if (changed !== whole) base.set(f, changed);
          },
        },
        node.postfix,
      );
    if (node instanceof ast.ArrayIndex) {
      const index = this.index(node.index);
      if (base.type.kind === "array") return inner(base.type.of, index);
      if (base.type.kind === "vector") return inner(scalar(base.type.of), index);
    } else if (node instanceof ast.StringExpr && base.type.kind === "vector") {
      const parts = [...node.value].map((letter) => components.indexOf(letter));
      const { of, size } = base.type;
      if (parts.every((part) => part >= 0 && part < size)) {
        if (parts.length === 1) return inner(scalar(of), () => parts[0]);
        const get = (f: Frame) => parts.map((part) => (base.get(f) as number[])[part]);
        const set = () => this.fail("several components cannot be assigned together");
        return this.postfix({ type: { kind: "vector", of, size: parts.length }, get, set }, node.postfix);
      }
    }
    return this.fail(`${describe(base.type)} has no such part`);
  }
}
