/** Mistakes in a config: gathered while it is read, reported all at once. */
import { nearest } from './nearest.ts';

export interface Issue {
  /** Where, as one would write it in code: `regions[1].edges[0].id`; empty for the whole. */
  readonly path: string;
  /** What stands there, shortened for people. */
  readonly value: string;
  /** What may stand there. */
  readonly allowed: string;
  /** All of it in one line. */
  readonly message: string;
}

/** A config with mistakes; `issues` has every one of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly issues: readonly Issue[];

  constructor(issues: readonly Issue[], what = 'platform') {
    const lines = issues.map((issue) => `\n  ${issue.message}`).join('');
    super(`${what}: ${issues.length} mistake${issues.length === 1 ? '' : 's'}${lines}`);
    this.issues = issues;
  }
}

const SHOWN_MAX = 80;

/** A value for people: JSON where it has a form there, never an exception, never long. */
export function show(value: unknown): string {
  const text = ((): string => {
    if (value === undefined) return 'nothing';
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'function') return 'a function';
    if (typeof value === 'symbol') return 'a symbol';
    if (typeof value === 'number') return String(value);
    try {
      return JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v)) ?? 'nothing';
    } catch {
      return 'something without a JSON form';
    }
  })();
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
}

export const at = (path: string, key: string | number): string => {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
};

/** Gathers issues. Where a reader answers `undefined` the value was of no use, and an issue says so. */
export interface Reader {
  readonly issues: Issue[];
  /** A mistake in words: `path: got <shown>; allowed: <allowed>; <hint>`. */
  say(path: string, shown: string, allowed: string, hint?: string): undefined;
  /** The same of a value. */
  report(path: string, value: unknown, allowed: string, hint?: string): undefined;
  /** What is written in the object itself. A key that is none of these is a mistake: `path.key: unknown key; allowed: <keys>; <hint>`. */
  object(path: string, value: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> | undefined;
  list(path: string, value: unknown, min: number, max: number): readonly unknown[] | undefined;
  text(path: string, value: unknown, pattern: RegExp, allowed: string): string | undefined;
  integer(path: string, value: unknown, min: number, max: number, allowed?: string): number | undefined;
  number(path: string, value: unknown, fits: (n: number) => boolean, allowed: string): number | undefined;
  flag(path: string, value: unknown): boolean | undefined;
  oneOf<T extends string>(path: string, value: unknown, values: readonly T[]): T | undefined;
}

export const didYouMean = (written: unknown, candidates: Iterable<string>): string | undefined => {
  const suggestion = typeof written === 'string' ? nearest(written, candidates) : null;
  return suggestion === null || suggestion === written ? undefined : `did you mean ${show(suggestion)}?`;
};

const withHint = (message: string, hint: string | undefined): string => (hint === undefined ? message : `${message}; ${hint}`);

export function createReader(): Reader {
  const issues: Issue[] = [];
  const reader: Reader = {
    issues,
    say(path, shown, allowed, hint) {
      const where = path === '' ? 'the config' : path;
      issues.push({ path, value: shown, allowed, message: withHint(`${where}: got ${shown}; allowed: ${allowed}`, hint) });
    },
    report(path, value, allowed, hint) {
      return reader.say(path, show(value), allowed, hint);
    },
    object(path, value, keys) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return reader.report(path, value, `an object with ${keys.join(', ')}`);
      }
      // Only what is written in the object itself counts, never what it inherits.
      const own = Object.assign(Object.create(null) as Record<string, unknown>, value);
      for (const key of Object.keys(own)) {
        if (keys.includes(key)) continue;
        const where = at(path, key);
        const allowed = keys.length === 0 ? 'none' : keys.join(', ');
        issues.push({ path: where, value: show(own[key]), allowed, message: withHint(`${where}: unknown key; allowed: ${allowed}`, didYouMean(key, keys)) });
      }
      return own;
    },
    list(path, value, min, max) {
      const allowed = `a list of ${min} to ${max.toLocaleString('en')}`;
      if (!Array.isArray(value)) return reader.report(path, value, allowed);
      // Copied, so that a gap in a sparse list is an undefined item.
      if (value.length >= min && value.length <= max) return Array.from(value as readonly unknown[]);
      return reader.say(path, `a list of ${value.length.toLocaleString('en')}`, allowed);
    },
    text(path, value, pattern, allowed) {
      return typeof value === 'string' && pattern.test(value) ? value : reader.report(path, value, allowed);
    },
    integer(path, value, min, max, allowed = `a whole number from ${min} to ${max}`) {
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value + 0;
      return reader.report(path, value, allowed);
    },
    number(path, value, fits, allowed) {
      return typeof value === 'number' && Number.isFinite(value) && fits(value) ? value : reader.report(path, value, allowed);
    },
    flag(path, value) {
      return typeof value === 'boolean' ? value : reader.report(path, value, 'true or false');
    },
    oneOf<T extends string>(path: string, value: unknown, values: readonly T[]) {
      if (values.includes(value as T)) return value as T;
      return reader.report(path, value, `one of ${values.join(', ')}`, didYouMean(value, values));
    },
  };
  return reader;
}
