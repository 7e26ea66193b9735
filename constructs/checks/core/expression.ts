/**
 * Evaluates what can be known of a Terraform expression before Terraform runs: literals, lists, objects, locals, defaults of
 * variables and a few pure functions. What cannot be known stays `${expression}`, within a list or object too.
 */
import type { Value } from './model.ts';
import { endOfQuoted, partsOf } from './template.ts';

export interface Scope {
  /** Value of a local, as written. */
  readonly local: (name: string) => Value | undefined;
  /** Default of a variable, as written. */
  readonly variable: (name: string) => Value | undefined;
  /** Values that may still be made: what exceeds it stays as written, so that a few lines can't unfold into gigabytes. */
  readonly budget: { left: number };
}

/** Values that one stack may unfold into. */
export const VALUES_MAX = 1_000_000;

/** Locals that refer to locals, lists within lists: more than anybody writes. */
const DEPTH_MAX = 64;

class Unknown extends Error {}

const isMap = (value: Value): value is Record<string, Value> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value of the configuration with everything filled in that is known; nulls are left out of objects, as Terraform does. */
export function known(value: Value, scope: Scope, depth = 0): Value {
  if (depth > DEPTH_MAX || scope.budget.left <= 0) return value;
  scope.budget.left -= 1;
  if (typeof value === 'string') return value.includes('${') ? ofTemplate(value, scope, depth) : value;
  if (Array.isArray(value)) return value.map((item) => known(item, scope, depth + 1));
  if (isMap(value)) return mapOf(Object.entries(value).map(([key, item]) => [key, known(item, scope, depth + 1)]));
  return value;
}

const mapOf = (entries: readonly (readonly [string, Value])[]): Value =>
  Object.fromEntries(entries.filter(([, v]) => v !== null && v !== undefined));

function ofTemplate(text: string, scope: Scope, depth: number): Value {
  const parts = partsOf(text);
  const values = parts.map((part): Value => {
    if ('literal' in part) return part.literal;
    try {
      return createParser(part.expression, scope, depth).whole();
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      return `\${${part.expression}}`;
    }
  });
  if (values.length === 1) return values[0];
  return values
    .map((value, i) => {
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
      const part = parts[i]!;
      return 'literal' in part ? part.literal : `\${${part.expression}}`;
    })
    .join('');
}

const asList = (value: Value): readonly Value[] => {
  if (Array.isArray(value)) return value;
  throw new Unknown();
};
const asMap = (value: Value): Record<string, Value> => {
  if (isMap(value)) return value;
  throw new Unknown();
};
const same = (value: Value): Value => value;
const inText = (value: Value): string => {
  if (typeof value === 'object') throw new Unknown();
  return String(value);
};

/** Functions whose result follows from their arguments alone, even where those are known in part. */
const FUNCTIONS: Readonly<Record<string, (...args: Value[]) => Value>> = {
  jsonencode: (value) => JSON.stringify(value ?? null),
  toset: (value) => [...asList(value)],
  tolist: (value) => [...asList(value)],
  tomap: (value) => ({ ...asMap(value) }),
  tostring: same,
  tonumber: same,
  tobool: same,
  sensitive: same,
  nonsensitive: same,
  merge: (...maps) => mapOf(maps.flatMap((map) => Object.entries(asMap(map)))),
  concat: (...lists) => lists.flatMap((list) => [...asList(list)]),
  flatten: (list) => (asList(list) as unknown[]).flat(8),
  join: (separator, ...lists) =>
    lists
      .flatMap((list) => [...asList(list)])
      .map(inText)
      .join(inText(separator)),
};

/** A parser of one expression, from left to right, that evaluates as it goes. `whole` throws Unknown for all that it does not know. */
function createParser(text: string, scope: Scope, depth: number): { whole(): Value } {
  let i = 0;
  const space = (): void => {
    while (i < text.length && /\s/.test(text[i]!)) i += 1;
  };
  const peek = (): string => {
    space();
    return text[i] ?? '';
  };
  const take = (wanted: string): boolean => {
    if (peek() !== wanted) return false;
    i += 1;
    return true;
  };
  const match = (pattern: RegExp): string | null => {
    space();
    pattern.lastIndex = i;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) i += found.length;
    return found;
  };

  /** An operand alone, or its text as unknown, so that a list of known and unknown items is still a list. */
  const item = (level: number): Value => {
    const start = i;
    try {
      const value = operand(level);
      if (/^[,\]})=:]?$/.test(peek())) return value;
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
    }
    i = start;
    return `\${${skip()}}`;
  };

  /** Text up to the next separator on this level of nesting. */
  const skip = (): string => {
    space();
    const start = i;
    let open = 0;
    for (; i < text.length; i += 1) {
      const c = text[i]!;
      if (c === '"') {
        const end = endOfQuoted(text, i + 1);
        if (end < 0) throw new Unknown();
        i = end;
      } else if ('([{'.includes(c)) {
        open += 1;
      } else if (')]}'.includes(c)) {
        if (open === 0) break;
        open -= 1;
      } else if (c === ',' && open === 0) {
        break;
      }
    }
    return text.slice(start, i).trim();
  };

  const quoted = (): string => {
    const end = endOfQuoted(text, i + 1);
    if (end < 0) throw new Unknown();
    const raw = text.slice(i + 1, end);
    i = end + 1;
    return raw.replace(/\\(u[0-9a-fA-F]{4}|.)/gs, (_, c: string) =>
      c.startsWith('u') && c.length === 5
        ? String.fromCharCode(Number.parseInt(c.slice(1), 16))
        : ({ n: '\n', r: '\r', t: '\t' }[c] ?? c),
    );
  };

  const list = (close: string, level: number): Value[] => {
    const items: Value[] = [];
    while (!take(close)) {
      if (match(/for\b/y) !== null) throw new Unknown();
      items.push(item(level));
      if (!take(',') && peek() !== close) throw new Unknown();
    }
    return items;
  };

  const object = (level: number): Value => {
    const entries: [string, Value][] = [];
    while (!take('}')) {
      const key = peek() === '"' ? quoted() : match(/[A-Za-z_][\w-]*/y);
      if (key === null || key === 'for' || !(take('=') || take(':'))) throw new Unknown();
      entries.push([key, item(level)]);
      if (!take(',') && peek() !== '}') throw new Unknown();
    }
    return mapOf(entries);
  };

  const operand = (level: number): Value => {
    if (level > DEPTH_MAX || scope.budget.left <= 0) throw new Unknown();
    scope.budget.left -= 1;
    const c = peek();
    if (c === '"') return known(quoted(), scope, level + 1);
    if (take('[')) return list(']', level + 1);
    if (take('{')) return object(level + 1);
    const number = match(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number !== null) return Number(number);
    const word = match(/[A-Za-z_][\w-]*/y);
    if (word === null) throw new Unknown();
    if (word === 'true' || word === 'false') return word === 'true';
    if (word === 'null') return null;
    if (take('(')) {
      const call = Object.hasOwn(FUNCTIONS, word) ? FUNCTIONS[word]! : null;
      if (call === null) throw new Unknown();
      return call(...list(')', level + 1));
    }
    if (word === 'local' || word === 'var') return named(word, level);
    throw new Unknown();
  };

  const named = (kind: 'local' | 'var', level: number): Value => {
    const steps: string[] = [];
    for (let step = match(/\.[A-Za-z_][\w-]*/y); step !== null; step = match(/\.[A-Za-z_][\w-]*/y)) steps.push(step.slice(1));
    const [name = '', ...path] = steps;
    const written = kind === 'local' ? scope.local(name) : scope.variable(name);
    if (written === undefined || written === null) throw new Unknown();
    return path.reduce<Value>(
      (value, step) => {
        if (!Object.hasOwn(asMap(value), step)) throw new Unknown();
        return asMap(value)[step];
      },
      known(written, scope, level + 1),
    );
  };

  return {
    whole() {
      const value = operand(depth + 1);
      if (peek() !== '') throw new Unknown();
      return value;
    },
  };
}
