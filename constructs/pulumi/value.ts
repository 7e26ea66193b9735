/** A fact's value as whoever published it wrote it. */
import type { FactSpec } from '../common/facts.ts';

/** A list in one text, or as a list. @throws TypeError when it is of another type; @param where what the message begins with */
export function valueFrom(value: unknown, { kind }: FactSpec, where: string): string | readonly string[] {
  if (typeof value === 'string') return kind === 'text' ? value : value.split(',').filter((item) => item !== '');
  if (kind === 'list' && Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new TypeError(`${where}expected ${kind === 'text' ? 'text' : 'a list of texts, or one text with commas'}, got ${JSON.stringify(value)?.slice(0, 120)}`);
}
