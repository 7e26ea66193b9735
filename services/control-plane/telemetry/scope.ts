/** What is asked about, and over which time: the queries' common part, and what is said when they ask for something that isn't. */
import { NATURAL_PATTERN, Problem } from '../../protocol/index.ts';
import { floorTo } from '../../telemetry/index.ts';
import type { Trust } from '../../transparency/index.ts';
import type { Scope, TimeRange } from './store.ts';

const MINUTE_MS = 60_000;
const UNITS = { m: MINUTE_MS, h: 60 * MINUTE_MS, d: 24 * 60 * MINUTE_MS } as const;
const DAYS_MAX = 400;

/** On whole minutes. */
export type Range = TimeRange;

export interface AskedScope {
  /** `global`, `region:eu`, `site:eu-fra-1`. */
  readonly name: string;
  readonly scope: Scope;
  /** All nodes that are in it, whether or not they have told anything. */
  readonly nodes: readonly string[];
}

const invalid = (detail: string): Problem => new Problem(400, 'invalid-request', detail);

/** @throws Problem that says what is allowed */
export function askedScope(trust: Trust, name: string): AskedScope {
  const regions = [...trust.regions.values()];
  if (name === 'global') return { name, scope: {}, nodes: regions.flatMap((r) => [...r.nodes.keys()]) };
  const [kind, id = ''] = name.split(/:(.*)/s, 2);
  if (kind === 'region') {
    const region = trust.regions.get(id);
    if (region === undefined) throw invalid(`scope: expected one of the regions ${[...trust.regions.keys()].join(', ')}, got ${JSON.stringify(id.slice(0, 80))}`);
    return { name, scope: { region: id }, nodes: [...region.nodes.keys()] };
  }
  if (kind !== 'site') throw invalid(`scope: expected global, region:ID or site:ID, got ${JSON.stringify(name.slice(0, 80))}`);
  if (!regions.some((r) => r.nodes.has(id))) throw invalid(`scope: there is no edge node ${JSON.stringify(id.slice(0, 80))}`);
  return { name, scope: { node: id }, nodes: [id] };
}

/** @param name of the parameter @throws Problem that says what is allowed */
export function duration(name: string, text: string): number {
  const [, digits, unit] = /^([1-9][0-9]{0,6})([mhd])$/.exec(text) ?? [];
  const ms = digits === undefined ? NaN : Number(digits) * UNITS[unit as keyof typeof UNITS];
  if (!(ms <= DAYS_MAX * UNITS.d)) throw invalid(`${name}: expected minutes, hours or days as 5m, 24h or 30d, at most ${DAYS_MAX}d, got ${JSON.stringify(text.slice(0, 40))}`);
  return ms;
}

/** Windows of a day and more lie on whole hours: a day would else be read from 83 rollups of each node, not from 24. */
const gridOf = (windowMs: number): number => (windowMs < UNITS.d ? MINUTE_MS : UNITS.h);

/** The stretch that ends with the present minute, or with the present hour when it is a day or longer. */
export function rangeOf(windowMs: number, now: number, gridMs: number = gridOf(windowMs)): Range {
  const to = floorTo(now, gridMs) + gridMs;
  return { from: to - windowMs, to };
}

const RFC3339_UTC = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?Z$/;

/** A time of a query: RFC 3339 in UTC, seconds may be left out, or milliseconds since 1970. @returns milliseconds since 1970; NaN when it is none */
export function instant(text: string): number {
  const ms = RFC3339_UTC.test(text) ? Date.parse(text) : new RegExp(NATURAL_PATTERN).test(text) ? Number(text) : NaN;
  // Date.parse takes February 30 for March 2.
  return text.endsWith('Z') && !Number.isNaN(ms) && !new Date(ms).toISOString().startsWith(text.slice(0, 16)) ? NaN : ms;
}

/** @param name of the parameter @throws Problem that says what is allowed */
export function askedInstant(name: string, text: string): number {
  const ms = instant(text);
  if (Number.isNaN(ms)) throw invalid(`${name}: expected a time of UTC as 2026-11-21T15:30:00Z, or milliseconds since 1970, got ${JSON.stringify(text.slice(0, 40))}`);
  return ms;
}

/** @param month `2026-11` @throws Problem that says what is allowed */
export function monthOf(month: string, now: number): Range {
  const [, year, number] = /^(20[0-9]{2})-(0[1-9]|1[0-2])$/.exec(month) ?? [];
  if (year === undefined || number === undefined) throw invalid(`month: expected a month as 2026-11, got ${JSON.stringify(month.slice(0, 40))}`);
  const from = Date.UTC(Number(year), Number(number) - 1, 1);
  if (from > now) throw invalid(`month: ${month} has not begun`);
  return { from, to: Date.UTC(Number(year), Number(number), 1) };
}
