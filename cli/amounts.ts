/** Amounts as people write them, in the asset's own units, and back. */
import { AMOUNT_MAX, ID_PATTERN } from '../services/protocol/index.ts';
import { CliError, EXIT } from './errors.ts';
import { formatDecimal, parseDecimal } from './replay/decimal.ts';

export type Scales = Readonly<Record<string, number>>;

const ID = new RegExp(ID_PATTERN);
/** More digits before the point than any amount or scale has. */
const LONG = /^[+-]?[0-9]{19,}(?:\.[0-9]*)?$/;

/** @param what `account`, `--id` @throws CliError saying what an id may be */
export function checkId(id: string, what: string): string {
  if (ID.test(id)) return id;
  throw new CliError(EXIT.usage, 'usage', `${what}: ${JSON.stringify(id.slice(0, 140))} is not an id; expected 1 to 128 letters, `
    + 'digits and . _ : @ - with a letter or digit first');
}

/** @param minor the text is in minor units already @throws CliError naming the asset, the amount and what is allowed */
export function parseAmount(text: string, asset: string, scales: Scales, minor: boolean, what = 'amount', least = 1n): bigint {
  const scale = scales[asset];
  if (scale === undefined) {
    throw new CliError(EXIT.usage, 'unknown-asset', `asset ${asset}: this platform settles ${Object.keys(scales).join(', ')}`);
  }
  const tooLarge = (): CliError => new CliError(EXIT.usage, 'usage', `${what}: too large; at most ${minor
    ? `${AMOUNT_MAX} minor units` : `${formatDecimal(AMOUNT_MAX, scale)} ${asset}`}`);
  if (LONG.test(text.trim())) throw tooLarge();
  let amount: bigint;
  try {
    amount = parseDecimal(text, minor ? 0 : scale);
  } catch (error) {
    throw new CliError(EXIT.usage, 'usage', `${what}: ${(error as Error).message}; `
      + `${minor ? 'expected a whole number of minor units' : `${asset} has ${scale} decimal places`}`);
  }
  if (amount > AMOUNT_MAX) throw tooLarge();
  if (amount < least) {
    throw new CliError(EXIT.usage, 'usage', `${what}: expected ${least} to ${AMOUNT_MAX} minor units, got ${amount}`);
  }
  return amount;
}

/** `12.50 EUR`; in minor units where the asset's scale is not known. */
export function showAmount(minor: string, asset: string, scales: Scales): string {
  const scale = scales[asset];
  return scale === undefined ? `${minor} minor units of ${asset}` : `${formatDecimal(BigInt(minor), scale)} ${asset}`;
}
