/** Decimal text to minor units and back, exactly: no float ever holds money. */
export { formatDecimal } from '../../services/protocol/index.ts';

const DECIMAL = /^([+-]?)([0-9]{1,18})(?:\.([0-9]{0,18}))?$/;

/**
 * Minor units of a decimal such as `-5343.70` at `scale` places.
 * @throws Error when it is not a decimal, or has digits other than 0 behind the scale's last place
 */
export function parseDecimal(text: string, scale: number): bigint {
  const match = DECIMAL.exec(text.trim());
  if (match === null) throw new Error(`expected a decimal number like 123.45, got ${JSON.stringify(text.slice(0, 40))}`);
  const fraction = match[3] ?? '';
  if (/[1-9]/.test(fraction.slice(scale))) throw new Error(`${text}: more than ${scale} decimal places`);
  const minor = BigInt(match[2]! + fraction.slice(0, scale).padEnd(scale, '0'));
  return match[1] === '-' ? -minor : minor;
}
