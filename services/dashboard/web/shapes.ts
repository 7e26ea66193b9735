/**
 * What the control plane answers, as the page uses it. Each reader takes what is there and says what is missing: an answer of
 * another shape becomes a message on the page, never a blank one.
 */

export type Fields = Readonly<Record<string, unknown>>;

export function fields(what: string, value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what}: expected an object, got ${JSON.stringify(value)?.slice(0, 60) ?? 'nothing'}`);
  return value as Fields;
}

export function list(what: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what}: expected a list, got ${JSON.stringify(value)?.slice(0, 60) ?? 'nothing'}`);
  return value;
}

/** A list of objects, each read by `read`. */
export const items = <T,>(what: string, value: unknown, read: (o: Fields) => T): readonly T[] => list(what, value).map((item) => read(fields(what, item)));

export function text(o: Fields, name: string): string {
  const value = o[name];
  if (typeof value !== 'string') throw new Error(`${name}: expected a text, got ${JSON.stringify(value)?.slice(0, 60) ?? 'nothing'}`);
  return value;
}

export const textOr = <T,>(o: Fields, name: string, other: T): string | T => (typeof o[name] === 'string' ? o[name] : other);
export const numberOr = <T,>(o: Fields, name: string, other: T): number | T => (typeof o[name] === 'number' && Number.isFinite(o[name]) ? o[name] : other);

export function number(o: Fields, name: string): number {
  const value = numberOr(o, name, null);
  if (value === null) throw new Error(`${name}: expected a number, got ${JSON.stringify(o[name])?.slice(0, 60) ?? 'nothing'}`);
  return value;
}

export interface Settlement {
  readonly id: string;
  readonly state: string;
  readonly asset: string;
  readonly amount: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
  readonly debitBalance: string | null;
  readonly creditBalance: string | null;
  readonly reason: string | null;
  readonly region: string;
  readonly node: string;
  readonly index: number;
  readonly globalIndex: number;
  /** Milliseconds since 1970, as far as the centre knows them. */
  readonly decidedAt: number | null;
  readonly orderedAt: number | null;
  readonly finalAt: number | null;
  /** W3C trace id; null where it was not followed. */
  readonly traceId: string | null;
}

export function readSettlement(value: unknown): Settlement {
  const o = fields('settlement', value);
  return {
    id: text(o, 'id'), state: text(o, 'state'), asset: text(o, 'asset'), amount: text(o, 'amount'), debitAccount: text(o, 'debitAccount'),
    creditAccount: text(o, 'creditAccount'), debitBalance: textOr(o, 'debitBalance', null), creditBalance: textOr(o, 'creditBalance', null),
    reason: textOr(o, 'reason', null), region: text(o, 'region'), node: text(o, 'node'), index: number(o, 'index'), globalIndex: number(o, 'globalIndex'),
    decidedAt: numberOr(o, 'decidedAt', null), orderedAt: numberOr(o, 'orderedAt', null), finalAt: numberOr(o, 'finalAt', null),
    traceId: textOr(o, 'traceId', null),
  };
}

/** Decimal places by asset, of those that the control plane tells. */
export function readAssets(value: unknown): ReadonlyMap<string, number> {
  const told = items('assets', fields('answer', value)['assets'], (o) => [text(o, 'code'), numberOr(o, 'scale', null)] as const);
  return new Map(told.filter((entry): entry is readonly [string, number] => entry[1] !== null && Number.isInteger(entry[1]) && entry[1] >= 0 && entry[1] <= 18));
}

export interface Provenance {
  readonly entry: string;
  readonly node: string;
  readonly index: number;
  /** Base64. */
  readonly leaf: string;
}

export function readProvenance(value: unknown): Provenance {
  const o = fields('provenance', value);
  return { entry: text(o, 'entry'), node: text(o, 'node'), index: number(o, 'index'), leaf: text(o, 'leaf') };
}

export interface Status {
  readonly id: string;
  readonly state: string;
  readonly logSize: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly incidents: readonly { readonly at: number; readonly kind: string; readonly detail: string }[];
}

export function readStatus(value: unknown): Status {
  const o = fields('status', value);
  return {
    id: text(o, 'id'), state: text(o, 'state'), logSize: number(fields('log', o['log']), 'size'),
    counts: fields('counts', o['counts']) as Readonly<Record<string, number>>,
    incidents: items('incidents', o['incidents'], (i) => ({ at: number(i, 'at'), kind: text(i, 'kind'), detail: text(i, 'detail') })),
  };
}

export interface RegionState { readonly id: string; readonly applied: number; readonly size: number }

export const readRegions = (value: unknown): readonly RegionState[] =>
  items('regions', fields('answer', value)['regions'], (o) => ({ id: text(o, 'id'), applied: number(o, 'applied'), size: number(o, 'size') }));

/** Outcomes, newest last. */
export const readOutcomes = (value: unknown): readonly Settlement[] => items('outcomes', fields('answer', value)['outcomes'], readSettlement);
