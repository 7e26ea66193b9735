/** How figures look: one place, so that the same figure looks the same on every page. */

import { formatDecimal } from '../../protocol/decimal.ts';

const NOTHING = '–';
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const count = (n: number | null | undefined): string => (n == null ? NOTHING : number.format(n));

/** A share from 0 to 1 as percent. @param digits behind the point, more where it takes more to differ from 100 % */
export function percent(share: number | null | undefined, digits = 2): string {
  if (share == null) return NOTHING;
  return `${(share * 100).toFixed(digits)} %`;
}

/** Below this a percentage of what is left of a budget says nothing to anybody. */
const BUDGET_PERCENT_FROM = -10;

/** What is left of an error budget, as a share; far below nothing, how many budgets were spent. */
export function budgetLeft(left: number | null): string {
  if (left === null || left >= BUDGET_PERCENT_FROM) return percent(left, 1);
  return `${count(1 - left)} times the budget spent`;
}

/**
 * `1,234.50 EUR`; in minor units, and saying so, where the places of the asset are not known.
 * @param minor whole minor units, as digits @param scales decimal places, by asset
 */
export function money(minor: string, asset: string, scales: ReadonlyMap<string, number>): string {
  const scale = scales.get(asset);
  if (scale === undefined || !/^-?\d{1,60}$/.test(minor)) return `${minor} minor units of ${asset}`;
  const [whole = '', places] = formatDecimal(BigInt(minor), scale).split('.');
  return `${whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',')}${places === undefined ? '' : `.${places}`} ${asset}`;
}

/** Milliseconds, in the unit that reads best. */
export function duration(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return NOTHING;
  const steps: readonly (readonly [number, number, string])[] = [[1_000, 1, 'ms'], [90_000, 1_000, 's'], [5_400_000, 60_000, 'min'], [172_800_000, 3_600_000, 'h'], [Infinity, 86_400_000, 'd']];
  const [, unit, name] = steps.find(([below]) => ms < below)!;
  const value = ms / unit;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${name}`;
}

/** Whole minutes, as a window is called: `5 min`, `6 h`, `3 d`. */
export function windowName(minutes: number | null): string {
  if (minutes === null) return NOTHING;
  return minutes % 1_440 === 0 ? `${minutes / 1_440} d` : minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
}

/** Bytes, in decimal units. */
export const bytes = (n: number): string => (n < 1_000 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`);

export const perSecond = (n: number | null | undefined): string => (n == null ? NOTHING : `${n >= 100 ? count(n) : n.toFixed(1)}/s`);

/** `2026-03-01 09:30:05.123` in UTC: what an auditor can write down. */
export const time = (ms: number | null | undefined): string => (ms == null ? NOTHING : new Date(ms).toISOString().replace('T', ' ').replace('Z', ' UTC'));

/** Time of day without milliseconds, UTC. */
export const clock = (ms: number): string => `${new Date(ms).toISOString().slice(11, 19)} UTC`;

/** An interval; one with an open side says so. */
export function range(low: number | null | undefined, high: number | null | undefined, show: (n: number) => string): string {
  if (low == null) return high == null ? 'too little to say' : `up to ${show(high)}`;
  return high == null ? `from ${show(low)}` : `${show(low)} to ${show(high)}`;
}

/** `1 delta`, `2 deltas`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

const DAY_MS = 86_400_000;

/** Times on an axis, UTC: dates over days, minutes over hours, seconds below. @param at milliseconds since 1970, rising */
export function ticks(at: readonly number[]): string[] {
  const span = (at.at(-1) ?? 0) - (at[0] ?? 0);
  const isSeconds = at.some((ms) => ms % 60_000 !== 0);
  return at.map((ms, i) => {
    const iso = new Date(ms).toISOString();
    const isNewDay = i === 0 || Math.floor(ms / DAY_MS) !== Math.floor(at[i - 1]! / DAY_MS);
    const clockTime = iso.slice(11, isSeconds ? 19 : 16);
    return span >= 6 * DAY_MS ? iso.slice(5, 10) : isNewDay ? `${clockTime}\n${iso.slice(0, 10)}` : clockTime;
  });
}
