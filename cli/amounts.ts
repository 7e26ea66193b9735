/** Amounts as people write them, in the asset's own units, and back. */
import { AMOUNT_MAX } from '../services/protocol/index.ts';
import { CliError, EXIT } from './errors.ts';
import { formatDecimal, parseDecimal } from './replay/decimal.ts';

export type Scales = Readonly<Record<string, number>>;

/** @param minor the text is in minor units already @throws CliError naming the asset, the amount and what is allowed */
export function parseAmount(text: string, asset: string, scales: Scales, minor: boolean, what = 'amount', least = 1n): bigint {
  const scale = scales[asset];
  if (scale === undefined) {
    throw new CliError(EXIT.usage, 'unknown-asset', `asset ${asset}: this platform settles ${Object.keys(scales).join(', ')}`);
  }
  let amount: bigint;
  try {
    amount = parseDecimal(text, minor ? 0 : scale);
  } catch (error) {
    throw new CliError(EXIT.usage, 'usage', `${what}: ${(error as Error).message}; `
      + `${minor ? 'expected a whole number of minor units' : `${asset} has ${scale} decimal places`}`);
  }
  if (amount < least || amount > AMOUNT_MAX) {
    throw new CliError(EXIT.usage, 'usage', `${what}: expected ${least} to ${AMOUNT_MAX} minor units, got ${amount}`);
  }
  return amount;
}

/** `12.50 EUR`; in minor units where the asset's scale is not known. */
export function showAmount(minor: string, asset: string, scales: Scales): string {
  const scale = scales[asset];
  return scale === undefined ? `${minor} minor units of ${asset}` : `${formatDecimal(BigInt(minor), scale)} ${asset}`;
}
