/** SHA-256 of what was judged, over a form of it that does not depend on order or layout. */
import { hash } from 'node:crypto';

/** JSON with the keys of every object in order of their UTF-16 code units, without white space (as RFC 8785 sorts them). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** Hex. */
export const digestOf = (value: unknown): string => hash('sha256', canonical(value), 'hex');

/** Of several stacks: over their names and digests. */
export const digestOfAll = (digests: ReadonlyMap<string, string>): string => digestOf(Object.fromEntries(digests));
