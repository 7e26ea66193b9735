/**
 * Terraform's string templates: where `${...}` begins and ends (Terraform language, "Strings and Templates"). Quotes and braces
 * nest; `$${` is a literal `${`. Text that does not close is taken as literal.
 */

export type Part = { readonly literal: string } | { readonly expression: string };

/** Deeper nesting than anybody writes is not looked into. */
const NESTING_MAX = 40;

/** Index of the `}` that closes an interpolation whose inside starts at `from`; -1 when none does. */
function endOfInterpolation(text: string, from: number, nesting: number): number {
  if (nesting > NESTING_MAX) return -1;
  let depth = 0;
  for (let i = from; i < text.length; i += 1) {
    const c = text[i];
    if (c === '"') {
      i = endOfQuoted(text, i + 1, nesting);
      if (i < 0) return -1;
    } else if (c === '{') {
      depth += 1;
    } else if (c === '}') {
      if (depth === 0) return i;
      depth -= 1;
    }
  }
  return -1;
}

/** Index of the quote that closes a string whose inside starts at `from`; -1 when none does. */
export function endOfQuoted(text: string, from: number, nesting = 0): number {
  for (let i = from; i < text.length; i += 1) {
    const c = text[i];
    if (c === '\\') {
      i += 1;
    } else if (c === '"') {
      return i;
    } else if (c === '$' && text[i + 1] === '{' && text[i - 1] !== '$') {
      i = endOfInterpolation(text, i + 2, nesting + 1);
      if (i < 0) return -1;
    }
  }
  return -1;
}

/** The parts of a template in order; a literal without interpolation is one part. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let literal = '';
  for (let i = 0; i < text.length;) {
    const start = text.indexOf('${', i);
    const end = start < 0 || text[start - 1] === '$' ? -1 : endOfInterpolation(text, start + 2, 0);
    if (end < 0) {
      const stop = start < 0 ? text.length : start + 2;
      literal += text.slice(i, stop);
      i = stop;
      continue;
    }
    literal += text.slice(i, start);
    if (literal !== '') parts.push({ literal });
    literal = '';
    parts.push({ expression: text.slice(start + 2, end).trim() });
    i = end + 1;
  }
  if (literal !== '' || parts.length === 0) parts.push({ literal });
  return parts;
}

/** Whether a string holds something that only Terraform will know. */
export const isExpression = (value: unknown): value is string =>
  typeof value === 'string' && value.includes('${') && partsOf(value).some((part) => 'expression' in part);
