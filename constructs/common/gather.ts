/** All mistakes at once, each with the property it is about, under the path of what it is in. Loads no framework. */

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
  /** Given, and known by now: not a token or an output, which only the deployment knows. */
  readonly known: (value: unknown) => boolean;
  /** A whole number from `least` to `most`. One that only the deployment knows passes. */
  readonly range: (prop: string, value: number | undefined, least: number, most: number, unit: string) => void;
  /** Text that matches; one that only the deployment knows passes. */
  readonly text: (prop: string, value: string | undefined, pattern: RegExp, expected: string) => void;
  readonly oneOf: (prop: string, value: string | undefined, allowed: readonly string[]) => void;
  /** Exactly one of the named properties is given. */
  readonly exactlyOne: (given: Readonly<Record<string, unknown>>) => void;
}

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 120);

/**
 * Runs the checks and throws {@link ConstructError} with everything that they found.
 * @param isUnknown whether a value is known later only: a token of CDKTF, an output of Pulumi
 */
export function gather(path: string, isUnknown: (value: unknown) => boolean, checks: (m: Mistakes) => void): void {
  const found: string[] = [];
  const add = (what: string): void => void found.push(what);
  checks({
    add,
    known: (value) => value !== undefined && !isUnknown(value),
    range: (prop, value, least, most, unit) => {
      if (value === undefined || isUnknown(value)) return;
      if (!Number.isInteger(value) || value < least || value > most) add(`${prop}: expected a whole number of ${unit} from ${least} to ${most}, got ${shown(value)}`);
    },
    text: (prop, value, pattern, expected) => {
      if (value === undefined || isUnknown(value)) return;
      if (!pattern.test(value)) add(`${prop}: expected ${expected}, got ${shown(value)}`);
    },
    oneOf: (prop, value, allowed) => {
      if (value === undefined || isUnknown(value)) return;
      if (!allowed.includes(value)) add(`${prop}: expected one of ${allowed.join(', ')}, got ${shown(value)}`);
    },
    exactlyOne: (given) => {
      const names = Object.keys(given);
      const present = names.filter((name) => given[name] !== undefined);
      if (present.length !== 1) add(`exactly one of ${names.join(', ')} is needed, got ${present.length === 0 ? 'none' : present.join(' and ')}`);
    },
  });
  if (found.length > 0) throw new ConstructError(path, found);
}
