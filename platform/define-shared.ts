/** What all parts of reading a definition share. */
import type { Reader } from './issues.ts';
import { SITE_ID_PATTERN } from './model.ts';

export const ID = new RegExp(SITE_ID_PATTERN);
export const ID_ALLOWED = 'a lower-case letter, then letters, digits and hyphens, at most 32, no hyphen at the end';
export const DAY_MS = 86_400_000;

export type Maybe<T> = T | undefined;
/** What could be read of something. */
export type Parts<T> = { readonly [K in keyof T]: Maybe<T[K]> };

/** A default, for what is left out; `null` is a value, and a wrong one. */
export const or = (value: unknown, fallback: unknown): unknown => (value === undefined ? fallback : value);

export function unique(r: Reader, seen: Map<string, string>, id: string, path: string, what: string): boolean {
  const first = seen.get(id);
  if (first === undefined) seen.set(id, path);
  else r.report(path, id, `a name that no other ${what} has; ${first} has it`);
  return first === undefined;
}
