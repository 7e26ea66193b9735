/**
 * The assets as the control plane is told them: `EUR:2,JPY:0`, code and decimal places. A code alone leaves its places open, and then
 * amounts in it are shown in minor units. What writes the setting and what reads it are both here.
 */
import { ASSET_CODE_PATTERN, type Asset } from './model.ts';

export interface AssetScale {
  readonly code: string;
  /** Decimal places of the minor unit, 0 to 9; null: not told. */
  readonly scale: number | null;
}

const CODE = new RegExp(ASSET_CODE_PATTERN);
const SCALE = /^[0-9]$/;

/** The setting's text. */
export const formatAssetScales = (assets: readonly Asset[]): string => assets.map(({ code, scale }) => `${code}:${scale}`).join(',');

/** @param items of the setting, in its order @throws Error naming each item that is none, and each code told twice */
export function parseAssetScales(items: readonly string[]): readonly AssetScale[] {
  const mistakes: string[] = [];
  const scales = new Map<string, number | null>();
  for (const item of items) {
    const [code = '', scale, ...rest] = item.split(':');
    if (!CODE.test(code) || (scale !== undefined && !SCALE.test(scale)) || rest.length > 0) {
      mistakes.push(`got ${JSON.stringify(item.slice(0, 40))}; allowed: a code of 2 to 12 capital letters and digits, a letter first, and its decimal places, 0 to 9: EUR:2`);
    } else if (scales.has(code)) {
      mistakes.push(`${code} is there twice`);
    } else scales.set(code, scale === undefined ? null : Number(scale));
  }
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return [...scales].map(([code, scale]) => ({ code, scale }));
}
