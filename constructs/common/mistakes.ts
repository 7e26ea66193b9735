/** All mistakes of a construct at once, each with the property it is about, under the construct's path. */
import { Token } from 'cdktf';
import { type Construct } from 'constructs';

export class ConstructError extends Error {
  override readonly name = 'ConstructError';
  readonly path: string;
  readonly mistakes: readonly string[];

  constructor(path: string, mistakes: readonly string[]) {
    super(`${path}: ${mistakes.length === 1 ? mistakes[0] : `${mistakes.length} mistakes:\n${mistakes.map((m) => `  - ${m}`).join('\n')}`}`);
    this.path = path;
    this.mistakes = mistakes;
  }
}

export interface Mistakes {
  /** @param what `prop: what is wrong, with which value, what to do` */
  readonly add: (what: string) => void;
  /** A whole number from `least` to `most`. A token (known at apply time only) passes. */
  readonly range: (prop: string, value: number | undefined, least: number, most: number, unit: string) => void;
  /** Text that matches; a token passes. */
  readonly text: (prop: string, value: string | undefined, pattern: RegExp, expected: string) => void;
  readonly oneOf: (prop: string, value: string | undefined, allowed: readonly string[]) => void;
  /** Exactly one of the named properties is given. */
  readonly exactlyOne: (given: Readonly<Record<string, unknown>>) => void;
}

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 120);

/** Runs the checks and throws {@link ConstructError} with everything that they found. */
export function check(scope: Construct, checks: (m: Mistakes) => void): void {
  const found: string[] = [];
  const add = (what: string): void => void found.push(what);
  checks({
    add,
    range: (prop, value, least, most, unit) => {
      if (value === undefined || Token.isUnresolved(value)) return;
      if (!Number.isInteger(value) || value < least || value > most) add(`${prop}: expected a whole number of ${unit} from ${least} to ${most}, got ${shown(value)}`);
    },
    text: (prop, value, pattern, expected) => {
      if (value === undefined || Token.isUnresolved(value)) return;
      if (!pattern.test(value)) add(`${prop}: expected ${expected}, got ${shown(value)}`);
    },
    oneOf: (prop, value, allowed) => {
      if (value === undefined || Token.isUnresolved(value)) return;
      if (!allowed.includes(value)) add(`${prop}: expected one of ${allowed.join(', ')}, got ${shown(value)}`);
    },
    exactlyOne: (given) => {
      const names = Object.keys(given);
      const present = names.filter((name) => given[name] !== undefined);
      if (present.length !== 1) add(`exactly one of ${names.join(', ')} is needed, got ${present.length === 0 ? 'none' : present.join(' and ')}`);
    },
  });
  if (found.length > 0) throw new ConstructError(scope.node.path, found);
}
