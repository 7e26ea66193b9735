/** Minor units as people write them. No imports: the page shows amounts by it, too. */

/** The decimal with all of its places: -534370n at scale 2 is `-5343.70`. */
export function formatDecimal(minor: bigint, scale: number): string {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${minor < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(digits.length - scale)}`}`;
}
