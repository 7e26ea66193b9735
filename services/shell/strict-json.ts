/**
 * JSON as an interface for money needs it: RFC 8259 in UTF-8, without duplicate names (RFC 8259 section 4 leaves them
 * undefined; two parsers may read two different amounts), and not nested deeper than anything here needs.
 */
import { isUtf8 } from 'node:buffer';
import { Problem } from '../protocol/errors.ts';

const DEPTH_MAX = 16;
const QUOTE = 0x22;

/** @throws Problem 400 that says what is wrong and where */
export function parseStrictJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new Problem(400, 'malformed-json', 'the body is not UTF-8');
  const text = bytes.toString('utf8');
  checkStructure(text);
  return parseOrProblem(text);
}

/**
 * The same for a list of flat objects of `keys` string fields each, as clients send by the thousand: when the number of
 * quotes in the text is exactly what the parsed value needs, no name stood twice; only otherwise is the text scanned.
 */
export function parseStrictBatch(bytes: Buffer, list: string, keys: number): unknown {
  if (!isUtf8(bytes)) throw new Problem(400, 'malformed-json', 'the body is not UTF-8');
  const text = bytes.toString('utf8');
  if (text.length > 4096 && !text.startsWith('[[[[')) {
    const value = parseOrProblem(text) as Record<string, unknown> | null;
    const items = value?.[list];
    if (Array.isArray(items) && items.every((item) => isFlat(item, keys)) && quotesIn(bytes) === 2 + items.length * 4 * keys) return value;
  }
  checkStructure(text);
  return parseOrProblem(text);
}

/** So many names with strings, and nothing else: at least four quotes for each in the text. */
function isFlat(item: unknown, keys: number): boolean {
  if (typeof item !== 'object' || item === null) return false;
  let names = 0;
  for (const name in item) {
    if (typeof (item as Record<string, unknown>)[name] !== 'string') return false;
    names += 1;
  }
  return names === keys;
}

function quotesIn(bytes: Buffer): number {
  let quotes = 0;
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] === QUOTE) quotes += 1;
  return quotes;
}

function parseOrProblem(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(400, 'malformed-json', `the body is not JSON: ${(error as Error).message}`);
  }
}

/** Walks the text once: nesting bounded, no object with the same name twice. Leaves everything else to JSON.parse. */
function checkStructure(text: string): void {
  const names: (Set<string> | null)[] = [];
  let expectName = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (c === '"') {
      const start = i;
      for (i += 1; i < text.length && text[i] !== '"'; i += 1) if (text[i] === '\\') i += 1;
      const top = names.at(-1);
      if (expectName && top != null) {
        const raw = text.slice(start, i + 1);
        const name = raw.includes('\\') ? String(parseOrProblem(raw)) : raw.slice(1, -1);
        if (top.has(name)) throw new Problem(400, 'duplicate-key', `the name ${JSON.stringify(name.slice(0, 64))} stands twice in one object, at offset ${start}`);
        top.add(name);
        expectName = false;
      }
    } else if (c === '{' || c === '[') {
      names.push(c === '{' ? new Set() : null);
      expectName = c === '{';
      if (names.length > DEPTH_MAX) throw new Problem(400, 'nested-too-deep', `the body is nested deeper than ${DEPTH_MAX} levels, at offset ${i}`);
    } else if (c === '}' || c === ']') {
      names.pop();
      expectName = false;
    } else if (c === ',') {
      expectName = names.at(-1) != null;
    }
  }
}
