/** JSON that stands in a string of a Terraform configuration, with references between and within its values. */
import type { Value } from './model.ts';
import { partsOf } from './template.ts';

/** Stands for an expression while the text around it is parsed; from Unicode's private use area, so in no real document. */
const MARK = '\uE000';

/**
 * The value of JSON text in which `${...}` may stand within strings or in place of a value; there it becomes a string
 * `${...}`. Undefined when it is no JSON.
 */
export function parseJson(text: string): Value | undefined {
  const expressions: string[] = [];
  let inString = false;
  const masked = text.includes(MARK)
    ? text
    : partsOf(text)
        .map((part) => {
          if ('literal' in part) {
            inString = endsInString(part.literal, inString);
            return part.literal;
          }
          expressions.push(part.expression);
          const mark = `${MARK}${expressions.length - 1}${MARK}`;
          return inString ? mark : `"${mark}"`;
        })
        .join('');
  try {
    return JSON.parse(masked, (_, value: Value) => (typeof value === 'string' ? unmasked(value, expressions) : value)) as Value;
  } catch {
    return undefined;
  }
}

const unmasked = (text: string, expressions: readonly string[]): string =>
  expressions.length === 0
    ? text
    : text.replace(new RegExp(`${MARK}(\\d+)${MARK}`, 'g'), (_, i: string) => `\${${expressions[Number(i)] ?? ''}}`);

function endsInString(literal: string, started: boolean): boolean {
  let inString = started;
  for (let i = 0; i < literal.length; i += 1) {
    if (literal[i] === '\\' && inString) i += 1;
    else if (literal[i] === '"') inString = !inString;
  }
  return inString;
}
