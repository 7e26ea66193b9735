/** From a client's JSON to an instruction: every field checked, every mistake named. */
import {
  AMOUNT_PATTERN, ASSET_PATTERN, ID_PATTERN, Problem, type Instruction,
} from '../protocol/index.ts';

const id = new RegExp(ID_PATTERN);
const asset = new RegExp(ASSET_PATTERN);
const amount = new RegExp(AMOUNT_PATTERN);

const FIELDS = [
  ['id', id, '1 to 128 letters, digits or ._:@- (the first a letter or digit)'],
  ['asset', asset, 'an asset code such as EUR'],
  ['debitAccount', id, 'an account id: 1 to 128 letters, digits or ._:@- (the first a letter or digit)'],
  ['creditAccount', id, 'an account id: 1 to 128 letters, digits or ._:@- (the first a letter or digit)'],
  ['amount', amount, 'a string of 1 to 18 digits in the minor unit, without leading zeros, more than 0'],
] as const;

/** @throws Problem 400 with every mistake of the item in `errors` */
export function parseInstruction(item: unknown): Instruction {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw new Problem(400, 'invalid-settlement', 'a settlement is a JSON object {id, asset, debitAccount, creditAccount, amount}');
  }
  const o = item as Record<string, unknown>;
  const { id: i, asset: a, debitAccount: d, creditAccount: c, amount: n } = o;
  // The usual case first: five well-formed strings and nothing else.
  if (typeof i === 'string' && typeof a === 'string' && typeof d === 'string' && typeof c === 'string' && typeof n === 'string'
    && id.test(i) && asset.test(a) && id.test(d) && id.test(c) && amount.test(n) && d !== c && Object.keys(o).length === 5) {
    return { id: i, asset: a, debitAccount: d, creditAccount: c, amount: BigInt(n) };
  }
  const errors: { path: string; value: unknown; expected: string }[] = [];
  for (const [name, pattern, expected] of FIELDS) {
    const value = o[name];
    if (typeof value !== 'string' || !pattern.test(value)) errors.push({ path: `/${name}`, value: shown(value), expected });
  }
  if (typeof d === 'string' && d === c) errors.push({ path: '/creditAccount', value: shown(c), expected: 'another account than debitAccount' });
  for (const name of Object.keys(o)) {
    if (!FIELDS.some(([known]) => known === name)) errors.push({ path: `/${name.slice(0, 64)}`, value: shown(o[name]), expected: 'nothing: this field is not known' });
  }
  throw new Problem(400, 'invalid-settlement', errors.map((e) => `${e.path}: expected ${e.expected}, got ${JSON.stringify(e.value) ?? 'nothing'}`).join('; ').slice(0, 1000), { errors });
}

/** A value as an error may show it: not longer than it is useful. */
function shown(value: unknown): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? 'null';
  return text.length <= 64 ? value : `${text.slice(0, 64)}...`;
}
