import * as ast from "wgsl_reflect/wgsl_reflect.module.js";
import {
  type ArrayDeclaration,
  type Exit,
  Expressions,
  type Frame,
  KernelError,
  type KernelMemory,
  type Routine,
  type Step,
} from "./expressions.js";
import { becomes, binary, describe, none, scalar, type Value, type WgslType, zero } from "./values.js";

export { KernelError, type KernelMemory } from "./expressions.js";

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
    const { message = "this is not WGSL" } = error as Partial<Error>;
    const line = /[Ll]ine:? (\d+)/.exec(message)?.[1];
    throw new KernelError(message.replace(/\.? ?[Ll]ine:? \d+\.?/, ""), Number(line ?? 1));
  }
}

/** A loop with more turns is taken for endless: those of the kernels have one a pixel at most, or with barriers one a part of the sum. */
const manyTurns = { plain: 5000, waiting: 250 } as const;

class Compiler extends Expressions {
  constructor(private readonly nodes: ast.Node[]) {
    super();
  }

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
    const inputs = main.args.map(
      ({ attributes }) => attributes?.find(({ name }) => name === "builtin")?.value,
    );
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
        if (type.kind !== "array") throw this.error(`${node.name} is ${describe(type)}, not an array`);
        const list = node.storage === "workgroup" ? this.shared : this.storage;
        const place = node.storage === "workgroup" ? { shared: list.length } : { storage: list.length };
        this.globals.set(node.name, place);
        list.push({ name: node.name, element: type.of, length: type.length });
      }
    }
  }

  private routine(node: ast.Function): void {
    const routine = this.routines.get(node.name) as Routine;
    this.slots = 0;
    this.scopes = [new Map()];
    for (const argument of node.args) this.local(argument.name, this.type(argument.type));
    routine.body = this.block(node.body);
    routine.slots = this.slots;
  }

  private block(nodes: readonly (ast.Node | readonly ast.Node[])[]): Step {
    this.scopes.push(new Map());
    const steps = nodes.map((node) => (isList(node) ? this.block(node) : this.statement(node)));
    this.scopes.pop();
    return sequence(steps);
  }

  private statement(node: ast.Node): Step {
    this.line = node.line;
    if (node instanceof ast.Let || node instanceof ast.Var || node instanceof ast.Const)
      return this.variable(node);
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
    if (declared !== undefined && !becomes(type, declared))
      return this.fail(`${node.name} is declared ${describe(declared)} and gets ${describe(type)}`);
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
    if (![...arms.map(({ body }) => body), otherwise].some((step) => step?.waits !== undefined))
      return { run };
    return {
      run,
      *waits(f) {
        const step = chosen(f);
        return step?.waits === undefined ? step?.run(f) : yield* step.waits(f);
      },
    };
  }

  private loop(node: ast.For): Step {
    const { line } = this;
    this.scopes.push(new Map());
    const init = node.init === null ? undefined : this.statement(node.init);
    const condition = node.condition === null ? undefined : this.expression(node.condition).get;
    const increment = node.increment === null ? undefined : this.statement(node.increment);
    const body = this.block(node.body);
    this.scopes.pop();
    const more = (f: Frame, turns: number, kind: keyof typeof manyTurns) => {
      if (turns > manyTurns[kind]) throw new KernelError("a loop does not end", line);
      return condition === undefined || condition(f) === true;
    };
    const run = (f: Frame): Exit => {
      let turns = 0;
      for (init?.run(f); more(f, turns++, "plain"); increment?.run(f)) {
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
        let turns = 0;
        for (init?.run(f); more(f, turns++, "waiting"); increment?.run(f)) {
          const exit = yield* waits(f);
          if (exit === "return") return exit;
          if (exit === "break") break;
        }
        return undefined;
      },
    };
  }
}

/** What a variable becomes that is made from a literal. */
function concrete(type: WgslType): WgslType {
  if (type.kind !== "scalar") return type;
  if (type.of === "int") return scalar("i32");
  return type.of === "float" ? scalar("f32") : type;
}

/** A block of its own: the parser gives its statements. */
const isList = (node: ast.Node | readonly ast.Node[]): node is readonly ast.Node[] => Array.isArray(node);

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
