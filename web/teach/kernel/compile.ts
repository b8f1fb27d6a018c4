import * as ast from "wgsl_reflect/wgsl_reflect.module.js";
import { binary, builtins, describe, none, type Scalar, scalar, type Value, type WgslType, zero } from "./values.js";

/** What a kernel reads and writes beside its own variables. Elements, not bytes; arrays by their place in `storage` and `shared`. */
export interface KernelMemory {
  load(buffer: number, index: number, lane: number): Value;
  store(buffer: number, index: number, value: Value, lane: number): void;
  loadShared(array: number, index: number, lane: number): Value;
  storeShared(array: number, index: number, value: Value, lane: number): void;
}

interface Frame {
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

/** A kernel that can be run lane by lane. */
export interface CompiledKernel {
  readonly workgroupSize: number;
  readonly storage: readonly ArrayDeclaration[];
  readonly shared: readonly ArrayDeclaration[];
  /** Module constants, such as the side of the tile. */
  readonly constants: Readonly<Record<string, number>>;
  /** Start one lane of a workgroup; it stops at every barrier. */
  lane(
    memory: KernelMemory,
    params: Readonly<Record<string, number>>,
    group: readonly number[],
    lane: number,
  ): Generator<void, void>;
}

/** What ends a block early. */
type Exit = "break" | "continue" | "return" | undefined;
interface Step {
  /** Set where the statement has a barrier in it. */
  readonly waits?: (f: Frame) => Generator<void, Exit>;
  readonly run: (f: Frame) => Exit;
}
interface Expr {
  readonly type: WgslType;
  readonly get: (f: Frame) => Value;
}
interface Place extends Expr {
  readonly set: (f: Frame, value: Value) => void;
}
interface Routine {
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

/**
 * Compile a kernel of the part of WGSL that the coarse pass uses: scalars, vectors and arrays of them, `for`, `if`, functions and barriers.
 * Arithmetic is float64, so that a result differs from the reference by the order of the sums alone.
 * @throws KernelError
 */
export function compileKernel(code: string): CompiledKernel {
  return new Compiler(parse(code)).kernel();
}

function parse(code: string): ast.Node[] {
  try {
    return new ast.WgslParser().parse(code);
  } catch (error) {
    const message = (error as Error).message;
    const line = /[Ll]ine:? (\d+)/.exec(message)?.[1];
    throw new KernelError(message.replace(/\.? ?[Ll]ine:? \d+\.?/, ""), Number(line ?? 1));
  }
}

class Compiler {
  private readonly globals = new Map<string, Expr | { storage: number } | { shared: number } | { params: true }>();
  private readonly routines = new Map<string, Routine>();
  private readonly storage: ArrayDeclaration[] = [];
  private readonly shared: ArrayDeclaration[] = [];
  private readonly constants: Record<string, number> = {};
  private scopes: Map<string, { slot: number; type: WgslType }>[] = [];
  private slots = 0;
  private line = 1;

  constructor(private readonly nodes: ast.Node[]) {}

  kernel(): CompiledKernel {
    for (const node of this.nodes) this.declare(node);
    const functions = this.nodes.filter((node) => node instanceof ast.Function);
    for (const node of functions) {
      const type = node.returnType === null ? none : this.type(node.returnType);
      this.routines.set(node.name, { type, slots: 0, body: { run: () => undefined } });
    }
    for (const node of functions) this.routine(node);
    const main = functions.find(({ name }) => name === "main");
    const routine = this.routines.get("main");
    const size = main?.attributes?.find(({ name }) => name === "workgroup_size")?.value;
    if (main === undefined || routine === undefined || size === undefined || size === null)
      return this.fail("no entry point main with a workgroup size");
    const inputs = main.args.map(({ attributes }) => attributes?.find(({ name }) => name === "builtin")?.value);
    const workgroupSize = Number(Array.isArray(size) ? size[0] : size);
    return {
      workgroupSize,
      storage: this.storage,
      shared: this.shared,
      constants: this.constants,
      *lane(memory, params, group, lane) {
        const locals: Value[] = new Array(routine.slots);
        inputs.forEach((input, slot) => {
          locals[slot] = input === "workgroup_id" ? [...group] : lane;
        });
        const frame: Frame = { locals, memory, params, lane, result: undefined };
        if (routine.body.waits === undefined) routine.body.run(frame);
        else yield* routine.body.waits(frame);
      },
    };
  }

  private fail(problem: string): never {
    throw new KernelError(problem, this.line);
  }

  private declare(node: ast.Node): void {
    this.line = node.line;
    if (node instanceof ast.Const) {
      const value = this.expression(node.value);
      const fixed = value.get({} as Frame);
      if (typeof fixed === "number") this.constants[node.name] = fixed;
      this.globals.set(node.name, { type: value.type, get: () => fixed });
    } else if (node instanceof ast.Var) {
      if (node.storage === "uniform") this.globals.set(node.name, { params: true });
      else {
        const type = this.type(node.type);
        if (type.kind !== "array") return this.fail(`${node.name} is ${describe(type)}, not an array`);
        const list = node.storage === "workgroup" ? this.shared : this.storage;
        const place = node.storage === "workgroup" ? { shared: list.length } : { storage: list.length };
        this.globals.set(node.name, place);
        list.push({ name: node.name, element: type.of, length: type.length });
      }
    }
  }

  private type(node: ast.Type | null): WgslType {
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

  private routine(node: ast.Function): void {
    const routine = this.routines.get(node.name) as Routine;
    this.slots = 0;
    this.scopes = [new Map()];
    for (const argument of node.args) this.local(argument.name, this.type(argument.type));
    routine.body = this.block(node.body);
    routine.slots = this.slots;
  }

  private local(name: string, type: WgslType): number {
    const slot = this.slots++;
    this.scopes[this.scopes.length - 1].set(name, { slot, type });
    return slot;
  }

  private block(nodes: readonly ast.Node[]): Step {
    this.scopes.push(new Map());
    const steps = nodes.map((node) => this.statement(node));
    this.scopes.pop();
    return sequence(steps);
  }

  private statement(node: ast.Node): Step {
    this.line = node.line;
    if (node instanceof ast.Let || node instanceof ast.Var || node instanceof ast.Const) return this.variable(node);
    if (node instanceof ast.Assign) return this.assign(node);
    if (node instanceof ast.If) return this.branch(node);
    if (node instanceof ast.For) return this.loop(node);
    if (node instanceof ast.Return) {
      const value = node.value instanceof ast.CreateExpr && node.value.type === null ? undefined : node.value;
      if (value === undefined || value === null) return { run: () => "return" };
      const { get } = this.expression(value);
      return {
        run(f) {
          f.result = get(f);
          return "return";
        },
      };
    }
    if (node instanceof ast.Continue) return { run: () => "continue" };
    if (node instanceof ast.Break) return { run: () => "break" };
    if (node instanceof ast.Call) {
      if (node.name === "workgroupBarrier")
        return {
          run: () => undefined,
          *waits() {
            yield;
            return undefined;
          },
        };
      const { get } = this.call(node.name, node.args);
      return {
        run(f) {
          get(f);
          return undefined;
        },
      };
    }
    return this.fail(`the statement ${node.astNodeType} is not known here`);
  }

  private variable(node: ast.Let | ast.Var | ast.Const): Step {
    const declared = node.type === null ? undefined : this.type(node.type);
    if (node.value === null) {
      if (declared === undefined) return this.fail(`${node.name} has neither type nor value`);
      const slot = this.local(node.name, declared);
      return {
        run(f) {
          f.locals[slot] = zero(declared);
          return undefined;
        },
      };
    }
    const { type, get } = this.expression(node.value);
    const slot = this.local(node.name, declared ?? concrete(type));
    return {
      run(f) {
        f.locals[slot] = get(f);
        return undefined;
      },
    };
  }

  private assign(node: ast.Assign): Step {
    const place = this.place(node.variable);
    const { get, type } = this.expression(node.value);
    if (node.operator === ast.AssignOperator.assign)
      return {
        run(f) {
          place.set(f, get(f));
          return undefined;
        },
      };
    const operation = binary(node.operator.slice(0, -1), place.type, type);
    if (operation === undefined)
      return this.fail(`${describe(place.type)} ${node.operator} ${describe(type)} is not allowed`);
    return {
      run(f) {
        place.set(f, operation.apply(place.get(f), get(f)));
        return undefined;
      },
    };
  }

  private branch(node: ast.If): Step {
    const arms = [node, ...(node.elseif ?? [])].map((arm) => ({
      condition: this.expression(arm.condition).get,
      body: this.block(arm.body),
    }));
    const otherwise = node.else === null || node.else === undefined ? undefined : this.block(node.else);
    const chosen = (f: Frame) => arms.find(({ condition }) => condition(f))?.body ?? otherwise;
    const run = (f: Frame) => chosen(f)?.run(f);
    if (![...arms.map(({ body }) => body), otherwise].some((step) => step?.waits !== undefined)) return { run };
    return {
      run,
      *waits(f) {
        const step = chosen(f);
        return step?.waits === undefined ? step?.run(f) : yield* step.waits(f);
      },
    };
  }

  private loop(node: ast.For): Step {
    this.scopes.push(new Map());
    const init = node.init === null ? undefined : this.statement(node.init);
    const condition = node.condition === null ? undefined : this.expression(node.condition).get;
    const increment = node.increment === null ? undefined : this.statement(node.increment);
    const body = this.block(node.body);
    this.scopes.pop();
    const more = (f: Frame) => condition === undefined || condition(f) === true;
    const run = (f: Frame): Exit => {
      for (init?.run(f); more(f); increment?.run(f)) {
        const exit = body.run(f);
        if (exit === "return") return exit;
        if (exit === "break") break;
      }
      return undefined;
    };
    const { waits } = body;
    if (waits === undefined) return { run };
    return {
      run,
      *waits(f) {
        for (init?.run(f); more(f); increment?.run(f)) {
          const exit = yield* waits(f);
          if (exit === "return") return exit;
          if (exit === "break") break;
        }
        return undefined;
      },
    };
  }

  private expression(node: ast.Expression): Expr {
    if (node instanceof ast.LiteralExpr) {
      const { type } = node;
      const value: Value = type.name === "bool" ? node.scalarValue === 1 : node.scalarValue;
      const of = { u32: "u32", i32: "int", x32: "int", f32: "f32", bool: "bool" }[type.name] as Scalar | undefined;
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

  private call(name: string, args: readonly ast.Expression[]): Expr {
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
    if (type.kind !== "vector") return this.fail(`${describe(type)} cannot be made from ${given.length} values`);
    const { size } = type;
    if (given.length === 0) return { type, get: () => zero(type) };
    return {
      type,
      get(f) {
        const parts = given.map((get) => get(f)).flat() as number[];
        return parts.length === 1 ? new Array<number>(size).fill(parts[0]) : parts;
      },
    };
  }

  private place(node: ast.Expression): Place {
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
      return { type: scalar("u32"), get: (f) => f.params[field], set: () => this.fail(`${name} is only read`) };
    }
    if ("type" in global) return this.postfix({ ...global, set: () => this.fail(`${name} is constant`) }, postfix);
    if (!(postfix instanceof ast.ArrayIndex)) return this.fail(`${name} needs an index`);
    const index = this.expression(postfix.index).get as (f: Frame) => number;
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
      const index = this.expression(node.index).get as (f: Frame) => number;
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

/** What a variable becomes that is made from a literal. */
function concrete(type: WgslType): WgslType {
  if (type.kind !== "scalar") return type;
  if (type.of === "int") return scalar("i32");
  return type.of === "float" ? scalar("f32") : type;
}

function sequence(steps: readonly Step[]): Step {
  const run = (f: Frame): Exit => {
    for (const step of steps) {
      const exit = step.run(f);
      if (exit !== undefined) return exit;
    }
    return undefined;
  };
  if (steps.every(({ waits }) => waits === undefined)) return { run };
  return {
    run,
    *waits(f) {
      for (const step of steps) {
        const exit = step.waits === undefined ? step.run(f) : yield* step.waits(f);
        if (exit !== undefined) return exit;
      }
      return undefined;
    },
  };
}
