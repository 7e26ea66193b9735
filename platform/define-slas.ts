/** Reading SLAs, and whether light is fast enough for them. */
import { isIndicator, INDICATORS, type Indicator } from './indicators.ts';
import { at, didYouMean, type Reader } from './issues.ts';
import { DAY_MS, ID, ID_ALLOWED, or, unique, type Maybe } from './define-shared.ts';
import type { RegionParts } from './define-sites.ts';
import type { Edge, PlatformPolicy, Region, Scope, Sla } from './model.ts';
import { createFloors, type Floor, type Floors, type Topology } from './physics.ts';

const THRESHOLD_MS_MAX = 7 * DAY_MS;
const SLAS_MAX = 1_000;

/** One for each of the list, so that physics can say which it speaks of. */
export function readSlas(r: Reader, value: unknown, regions: readonly RegionParts[]): Maybe<Sla>[] {
  const seen = new Map<string, string>();
  const scopes = scopesOf(regions);
  return (r.list('slas', value, 0, SLAS_MAX) ?? []).map((item, i) => readSla(r, at('slas', i), item, scopes, seen));
}

function readSla(r: Reader, path: string, item: unknown, scopes: ReadonlySet<string>, seen: Map<string, string>): Maybe<Sla> {
  const o = r.object(path, item, [
    'id', 'indicator', 'objective', 'thresholdMs', 'thresholdRatio', 'windowDays', 'scope', 'severity', 'owner', 'runbook',
  ]);
  if (o === undefined) return undefined;
  const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
  if (id !== undefined) unique(r, seen, id, at(path, 'id'), 'SLA');
  const indicator = r.oneOf(at(path, 'indicator'), o['indicator'], Object.keys(INDICATORS).filter(isIndicator));
  const objective = r.number(
    at(path, 'objective'), o['objective'], (share) => share > 0 && share < 1,
    'a share between 0 and 1, neither included: 0.99 (1 would leave no error budget)',
  );
  const threshold = readThresholds(r, path, o, indicator);
  const windowDays = r.integer(at(path, 'windowDays'), or(o['windowDays'], 30), 1, 90);
  const scope = readScope(r, at(path, 'scope'), or(o['scope'], 'global'), scopes);
  const severity = r.oneOf(at(path, 'severity'), or(o['severity'], 'ticket'), ['page', 'ticket']);
  const ownerPattern = /^[^\p{Cc}\s][^\p{Cc}]{0,63}$/u;
  const owner = r.text(at(path, 'owner'), o['owner'], ownerPattern, 'the team that answers for it, 1 to 64 characters');
  const runbook = r.text(
    at(path, 'runbook'), o['runbook'], /^(?:https:\/\/[^\s\p{Cc}]{4,500}|(?:docs|runbooks)\/(?!.*\.\.)[A-Za-z0-9._/-]{1,200}(?:#[A-Za-z0-9_-]{1,100})?)$/u,
    'a page (https://...) or a file of this repository (docs/..., runbooks/...), with a heading of it if you like (docs/operations.md#finality)',
  );
  if (id === undefined || indicator === undefined || objective === undefined || threshold === undefined) return undefined;
  if (windowDays === undefined || scope === undefined || severity === undefined) return undefined;
  if (owner === undefined || runbook === undefined) return undefined;
  return { id, indicator, objective, ...threshold, windowDays, scope, severity, owner, runbook };
}

const THRESHOLDS = {
  thresholdMs: {
    allowed: `milliseconds, more than 0 and at most ${THRESHOLD_MS_MAX}`,
    fits: (ms: number): boolean => ms > 0 && ms <= THRESHOLD_MS_MAX,
  },
  thresholdRatio: { allowed: 'a share from 0 to below 1', fits: (share: number): boolean => share >= 0 && share < 1 },
} as const;

type Threshold = keyof typeof THRESHOLDS;

/** @param indicator undefined when it is none: what is given is then wrong only when no indicator takes it */
function readThresholds(
  r: Reader, path: string, o: Readonly<Record<string, unknown>>, indicator: Maybe<Indicator>,
): Maybe<Pick<Sla, Threshold>> {
  const read = (key: Threshold): Maybe<number> => r.number(at(path, key), o[key], THRESHOLDS[key].fits, THRESHOLDS[key].allowed);
  const given = (['thresholdMs', 'thresholdRatio'] as const).filter((key) => o[key] !== undefined);
  if (indicator === undefined) {
    for (const key of given) read(key);
    if (given.length > 1) r.report(at(path, 'thresholdRatio'), o['thresholdRatio'], 'nothing beside thresholdMs: no indicator takes both');
    return undefined;
  }
  const wanted = ({ ms: 'thresholdMs', ratio: 'thresholdRatio', none: undefined } as const)[INDICATORS[indicator].threshold];
  const others = given.filter((key) => key !== wanted);
  for (const key of others) r.report(at(path, key), o[key], `nothing: ${indicator} takes ${wanted === undefined ? 'no threshold' : wanted}`);
  if (wanted === undefined) return others.length === 0 ? {} : undefined;
  const threshold = read(wanted);
  return threshold === undefined || others.length > 0 ? undefined : { [wanted]: threshold };
}

const scopesOf = (regions: readonly RegionParts[]): ReadonlySet<string> => new Set([
  'global', 'region', 'site',
  ...regions.flatMap((region) => [
    ...(region.id === undefined ? [] : [`region:${region.id}`]),
    ...region.edges.flatMap((edge) => (edge.id === undefined ? [] : [`site:${edge.id}`])),
  ]),
]);

function readScope(r: Reader, path: string, value: unknown, scopes: ReadonlySet<string>): Maybe<Scope> {
  if (typeof value === 'string' && scopes.has(value)) return value as Scope;
  const allowed = 'global, region or site (each of them), region:ID, site:ID of an edge node';
  return r.report(path, value, allowed, didYouMean(value, scopes));
}

/** Promises that no implementation could keep, because light is too slow. */
export function checkPhysics(r: Reader, topology: Topology, policy: Maybe<PlatformPolicy>, slas: readonly Maybe<Sla>[]): void {
  const floors = createFloors(topology);
  const edges = topology.regions.flatMap((region) => region.edges.map((edge) => ({ region, edge })));
  if (policy !== undefined) {
    const worst = highest(edges.map(({ region, edge }) => floors.centre(region, edge)));
    if (worst !== undefined && policy.offlineAfterMs <= worst.ms) {
      const allowed = `more than the round trip to the centre, ${worst.ms} ms (${worst.because})`;
      r.report('policy.offlineAfterMs', policy.offlineAfterMs, allowed, 'a node would always decide offline');
    }
  }
  for (const [i, sla] of slas.entries()) {
    if (sla?.thresholdMs === undefined) continue;
    const within = ({ region, edge }: (typeof edges)[number]): boolean =>
      sla.scope === `region:${region.id}` || sla.scope === `site:${edge.id}` || !sla.scope.includes(':');
    const inScope = edges.filter(within);
    const worst = highest(floorsFor(sla, inScope, floors));
    if (worst !== undefined && sla.thresholdMs < worst.ms) {
      const allowed = `at least ${worst.ms} ms, the round trips between the tiers (${worst.because})`;
      r.report(at(at('slas', i), 'thresholdMs'), sla.thresholdMs, allowed);
    }
  }
}

function floorsFor(sla: Sla, edges: readonly { region: Region; edge: Edge }[], floors: Floors): Floor[] {
  switch (sla.indicator) {
    case 'ordering':
    case 'provisional-age':
      return edges.map(({ region, edge }) => floors.ordering(region, edge));
    case 'finality':
    case 'reconciliation':
      return edges.map(({ region, edge }) => floors.finality(region, edge));
    case 'peering-rtt': {
      const backbone = sla.scope.startsWith('site') ? [] : edges.map(({ region }) => floors.backbone(region));
      return [...edges.map(({ region, edge }) => floors.ordering(region, edge)), ...backbone];
    }
    default:
      return [];
  }
}

const highest = (floors: readonly Floor[]): Floor | undefined =>
  floors.reduce<Floor | undefined>((worst, floor) => (worst === undefined || floor.ms > worst.ms ? floor : worst), undefined);
