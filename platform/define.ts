/**
 * From what is written in a config to a checked, frozen `Platform`, or to the list of everything that is wrong with it.
 *
 * Reading goes in two steps: each part on its own (types, ranges, unknown keys), then what must hold between them (ids, quorums,
 * limits, physics), as far as the parts are usable. So one mistake never hides another.
 */
import { isIndicator, INDICATORS, type Indicator } from './indicators.ts';
import { at, ConfigError, createReader, didYouMean, type Issue, type Reader } from './issues.ts';
import {
  ASSET_CODE_PATTERN, LIMIT_PATTERN, SITE_ID_PATTERN,
  type Asset, type ControlPlane, type Edge, type LocationInput, type Platform, type PlatformInput, type PlatformPolicy,
  type Region, type RoundTripInput, type Scope, type Sla,
} from './model.ts';
import { createFloors, type Floor, type Floors, type Topology } from './physics.ts';
import { isKnownLocation, isRegionLocation, KNOWN_LOCATIONS } from './rtt.ts';

const ID = new RegExp(SITE_ID_PATTERN);
const ID_ALLOWED = 'a lower-case letter, then letters, digits and hyphens, at most 32, no hyphen at the end';
const LIMIT_ALLOWED = 'minor units as a string of at most 18 digits, or a bigint';
const DAY_MS = 86_400_000;
const ROUND_TRIP_MS_MAX = 10_000;
const THRESHOLD_MS_MAX = 7 * DAY_MS;
/** How many of each there may be; more than anyone needs, few enough to reason about. */
const ASSETS_MAX = 100;
const REGIONS_MAX = 100;
const EDGES_MAX = 1_000;
const SLAS_MAX = 1_000;
const LOCATIONS_MAX = 1_000;
const ROUND_TRIPS_MAX = 10_000;

type Maybe<T> = T | undefined;
/** What could be read of something. */
type Parts<T> = { readonly [K in keyof T]: Maybe<T[K]> };

/** A default, for what is left out; `null` is a value, and a wrong one. */
const or = (value: unknown, fallback: unknown): unknown => (value === undefined ? fallback : value);

/** The config checked and with its defaults; throws {@link ConfigError} with every mistake in it. */
export function definePlatform(input: PlatformInput): Platform {
  const { platform, issues } = readPlatform(input);
  if (platform === undefined) throw new ConfigError(issues);
  return platform;
}

/** Every mistake in a config; none for a good one. Takes anything. */
export const checkPlatform = (input: unknown): readonly Issue[] => readPlatform(input).issues;

function readPlatform(input: unknown): { readonly platform?: Platform; readonly issues: readonly Issue[] } {
  const r = createReader();
  const o = r.object('', input, [
    'name', 'origin', 'assets', 'controlPlane', 'regions', 'witnessQuorum', 'policy', 'slas', 'locations', 'ports', 'wan',
  ]);
  if (o === undefined) return { issues: r.issues };

  const name = r.text('name', o['name'], ID, ID_ALLOWED);
  const origin = readOrigin(r, o['origin']);
  const assets = readAssets(r, o['assets']);
  const locations = readLocations(r, or(o['locations'], []));
  const places = new Set([...KNOWN_LOCATIONS.map((known) => known.id), ...locations.map((own) => own.id)]);
  const controlPlane = readControlPlane(r, o['controlPlane'], places);
  const regions = readRegions(r, o['regions'], places);
  const witnessQuorum = readWitnessQuorum(r, o['witnessQuorum'], regions);
  const policy = readPolicy(r, or(o['policy'], {}), assets);
  const slas = readSlas(r, or(o['slas'], []), regions);
  const processes = regions.reduce((n, region) => n + (region.replicas ?? 1) + region.edges.length, 1);
  const base = readPorts(r, or(o['ports'], {}), processes);
  const wan = readWan(r, or(o['wan'], {}), places);
  checkSiteIds(r, controlPlane, regions);

  const complete = regions.map(completeRegion).filter((region) => region !== undefined);
  const distancesKnown = !r.issues.some(({ path }) => /^(?:locations|wan)\b/.test(path));
  if (controlPlane !== undefined && witnessQuorum !== undefined && complete.length === regions.length && distancesKnown) {
    checkPhysics(r, { controlPlane, regions: complete, witnessQuorum, locations, wan }, policy, slas);
  }
  if (r.issues.length > 0) return { issues: r.issues };
  // Without issues every part is there.
  const platform = {
    name, origin, assets, controlPlane, regions: complete, witnessQuorum, policy, slas, locations, ports: { base }, wan,
  } as Platform;
  return { platform: deepFreeze(structuredClone(platform)), issues: [] };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

// ---- each part on its own ------------------------------------------------------------------------------------------

function readOrigin(r: Reader, value: unknown): Maybe<string> {
  // A key name holds neither space nor plus (C2SP signed-note), and the shortest key names here add 40 characters.
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  const pattern = new RegExp(`^(?=.{1,150}$)${label}(?:\\.${label})*(?:/[a-z0-9][a-z0-9._-]*)*$`);
  const hint = typeof value === 'string' && value.includes('://') ? 'without the scheme' : undefined;
  if (typeof value === 'string' && pattern.test(value)) return value;
  return r.report('origin', value, 'a schema-less URL in lower case, such as tidemark.example or example.org/clearing', hint);
}

function readAssets(r: Reader, value: unknown): Asset[] {
  const codePattern = new RegExp(ASSET_CODE_PATTERN);
  const seen = new Map<string, string>();
  const assets: Asset[] = [];
  for (const [i, item] of (r.list('assets', value, 1, ASSETS_MAX) ?? []).entries()) {
    const path = at('assets', i);
    const o = r.object(path, item, ['code', 'scale', 'name']);
    if (o === undefined) continue;
    const code = r.text(at(path, 'code'), o['code'], codePattern, '2 to 12 capital letters and digits, a letter first: EUR');
    const scale = r.integer(at(path, 'scale'), o['scale'], 0, 9, 'decimal places of the minor unit, 0 to 9: 2 for cents');
    const name = r.text(at(path, 'name'), or(o['name'], code ?? '-'), /^[^\p{Cc}]{1,64}$/u, '1 to 64 characters on one line');
    if (code === undefined) continue;
    if (!unique(r, seen, code, at(path, 'code'), 'asset')) continue;
    // An asset whose other fields are wrong is still one that limits may name.
    assets.push({ code, scale: scale ?? 0, name: name ?? code });
  }
  return assets;
}

function readLocations(r: Reader, value: unknown): LocationInput[] {
  const seen = new Map<string, string>();
  const locations: LocationInput[] = [];
  for (const [i, item] of (r.list('locations', value, 0, LOCATIONS_MAX) ?? []).entries()) {
    const path = at('locations', i);
    const o = r.object(path, item, ['id', 'near', 'roundTripMs']);
    if (o === undefined) continue;
    const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
    const regions = KNOWN_LOCATIONS.filter((known) => known.parent === undefined).map((known) => known.id);
    const near = typeof o['near'] === 'string' && isRegionLocation(o['near'])
      ? o['near']
      : r.report(at(path, 'near'), o['near'], `an AWS region: ${regions.join(', ')}`, didYouMean(o['near'], regions));
    const roundTripMs = readRoundTripMs(r, at(path, 'roundTripMs'), o['roundTripMs']);
    if (id === undefined) continue;
    if (isKnownLocation(id)) r.report(at(path, 'id'), id, 'a name that is not in the table of AWS locations already');
    unique(r, seen, id, at(path, 'id'), 'location');
    // Kept even when incomplete, so that sites may name it; any issue stops the config anyway.
    locations.push({ id, near: near ?? 'us-east-1', roundTripMs: roundTripMs ?? 0 });
  }
  return locations;
}

const readRoundTripMs = (r: Reader, path: string, value: unknown): Maybe<number> =>
  r.number(path, value, (ms) => ms >= 0 && ms <= ROUND_TRIP_MS_MAX, `milliseconds from 0 to ${ROUND_TRIP_MS_MAX}`);

function readLocation(r: Reader, path: string, value: unknown, places: ReadonlySet<string>): Maybe<string> {
  if (typeof value === 'string' && places.has(value)) return value;
  // A zone's name ends in a letter (us-west-2-lax-1a); its location is the group without it.
  const group = typeof value === 'string' && /^[a-z]{2}-.*\d[a-z]$/.test(value) ? value.slice(0, -1) : value;
  const hint = places.has(group as string) ? `did you mean ${JSON.stringify(group)}?` : didYouMean(group, places);
  return r.report(path, value, 'an AWS region, a Local Zone group (us-west-2-lax-1) or an id of `locations`', hint);
}

function readControlPlane(r: Reader, value: unknown, places: ReadonlySet<string>): Maybe<ControlPlane> {
  const path = 'controlPlane';
  const o = r.object(path, value, ['id', 'location']);
  if (o === undefined) return undefined;
  const id = o['id'] === undefined ? 'global' : r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
  const location = readLocation(r, at(path, 'location'), o['location'], places);
  return id === undefined || location === undefined ? undefined : { id, location };
}

type RegionParts = Parts<Omit<Region, 'edges'>> & { readonly edges: readonly Parts<Edge>[]; readonly path: string };

function readRegions(r: Reader, value: unknown, places: ReadonlySet<string>): RegionParts[] {
  const list = r.list('regions', value, 1, REGIONS_MAX);
  const regions = (list ?? []).map((item, i): RegionParts => {
    const path = at('regions', i);
    const o = r.object(path, item, ['id', 'location', 'replicas', 'quorum', 'edges']);
    if (o === undefined) return { id: undefined, location: undefined, replicas: undefined, quorum: undefined, edges: [], path };
    const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
    const location = readLocation(r, at(path, 'location'), o['location'], places);
    const replicas = o['replicas'] === undefined ? 1 : r.integer(at(path, 'replicas'), o['replicas'], 1, 7);
    const quorum = readQuorum(r, path, o['quorum'], replicas);
    return { id, location, replicas, quorum, edges: readEdges(r, path, or(o['edges'], []), places), path };
  });
  if (list !== undefined && list.length > 0 && regions.every((region) => region.edges.length === 0)) {
    r.say('regions', 'no edge node in any of them', 'at least one region with at least one edge node');
  }
  return regions;
}

function readQuorum(r: Reader, regionPath: string, value: unknown, replicas: Maybe<number>): Maybe<number> {
  const path = at(regionPath, 'quorum');
  if (replicas === undefined) return value === undefined ? undefined : r.integer(path, value, 1, 7);
  const majority = Math.floor(replicas / 2) + 1;
  if (value === undefined) return majority;
  return r.integer(path, value, majority, replicas, `more than half of the ${replicas} replicas: ${majority} to ${replicas}`);
}

function readEdges(r: Reader, regionPath: string, value: unknown, places: ReadonlySet<string>): Parts<Edge>[] {
  const listPath = at(regionPath, 'edges');
  return (r.list(listPath, value, 0, EDGES_MAX) ?? []).map((item, i) => {
    const path = at(listPath, i);
    const o = r.object(path, item, ['id', 'location']);
    if (o === undefined) return { id: undefined, location: undefined };
    const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
    return { id, location: readLocation(r, at(path, 'location'), o['location'], places) };
  });
}

function completeRegion({ id, location, replicas, quorum, edges }: RegionParts): Maybe<Region> {
  if (id === undefined || location === undefined || replicas === undefined || quorum === undefined) return undefined;
  const whole: Edge[] = [];
  for (const edge of edges) {
    if (edge.id !== undefined && edge.location !== undefined) whole.push({ id: edge.id, location: edge.location });
  }
  return { id, location, replicas, quorum, edges: whole };
}

function readWitnessQuorum(r: Reader, value: unknown, regions: readonly RegionParts[]): Maybe<number> {
  if (regions.length === 0) {
    if (value !== undefined) r.integer('witnessQuorum', value, 1, REGIONS_MAX);
    return undefined;
  }
  if (value === undefined) return Math.ceil(regions.length / 2);
  return r.integer('witnessQuorum', value, 1, regions.length, `how many of the regions cosign: 1 to ${regions.length}`);
}

function readPolicy(r: Reader, value: unknown, assets: readonly Asset[]): Maybe<PlatformPolicy> {
  const path = 'policy';
  const o = r.object(path, value, ['version', 'offlineAfterMs', 'maxStalenessMs', 'offlinePerAccount', 'offlinePerNode']);
  if (o === undefined) return undefined;
  const version = r.integer(at(path, 'version'), or(o['version'], 1), 1, Number.MAX_SAFE_INTEGER, 'a whole number from 1');
  const offlineAfterMs = r.integer(at(path, 'offlineAfterMs'), or(o['offlineAfterMs'], 5_000), 100, 3_600_000);
  const maxStalenessMs = r.integer(at(path, 'maxStalenessMs'), or(o['maxStalenessMs'], 3_600_000), 1, 30 * DAY_MS);
  if (offlineAfterMs !== undefined && maxStalenessMs !== undefined && maxStalenessMs < offlineAfterMs) {
    const allowed = `at least offlineAfterMs (${offlineAfterMs}), or no state would be fresh enough offline`;
    r.report(at(path, 'maxStalenessMs'), maxStalenessMs, allowed);
  }
  const offlinePerAccount = readLimits(r, at(path, 'offlinePerAccount'), or(o['offlinePerAccount'], {}), assets);
  const offlinePerNode = readLimits(r, at(path, 'offlinePerNode'), or(o['offlinePerNode'], {}), assets);
  if (offlinePerAccount !== undefined && offlinePerNode !== undefined) {
    for (const [code, limit] of Object.entries(offlinePerAccount)) {
      const node = offlinePerNode[code];
      if (BigInt(node ?? 0) >= BigInt(limit)) continue;
      const allowed = `at least the limit per account (${limit}); an asset without a limit per node is not settled offline`;
      r.report(at(at(path, 'offlinePerNode'), code), node, allowed);
    }
  }
  if (version === undefined || offlineAfterMs === undefined || maxStalenessMs === undefined) return undefined;
  if (offlinePerAccount === undefined || offlinePerNode === undefined) return undefined;
  return { version, offlineAfterMs, maxStalenessMs, offlinePerAccount, offlinePerNode };
}

function readLimits(r: Reader, path: string, value: unknown, assets: readonly Asset[]): Maybe<Record<string, string>> {
  const codes = assets.map((asset) => asset.code);
  const o = r.object(path, value, codes);
  if (o === undefined) return undefined;
  const pattern = new RegExp(LIMIT_PATTERN);
  const limits: Record<string, string> = {};
  for (const code of codes) {
    const written = o[code];
    if (written === undefined) continue;
    const digits = typeof written === 'bigint' ? String(written) : written;
    if (typeof digits === 'string' && pattern.test(digits)) limits[code] = digits;
    else r.report(at(path, code), written, LIMIT_ALLOWED, minorUnitHint(written, code, assets));
  }
  return limits;
}

/** What somebody who wrote `2500` or `'25.00'` may have meant. */
function minorUnitHint(written: unknown, code: string, assets: readonly Asset[]): string | undefined {
  const scale = assets.find((asset) => asset.code === code)?.scale ?? 0;
  if (typeof written === 'number') return Number.isSafeInteger(written) && written >= 0 ? `quote it: '${written}'` : undefined;
  if (typeof written !== 'string') return undefined;
  const [, whole, fraction] = /^(\d{1,15})\.(\d+)$/.exec(written) ?? [];
  if (whole === undefined || fraction === undefined || fraction.length > scale) return undefined;
  return `${written} ${code} is '${BigInt(whole + fraction.padEnd(scale, '0'))}'`;
}

function readPorts(r: Reader, value: unknown, processes: number): Maybe<number> {
  const o = r.object('ports', value, ['base']);
  if (o === undefined) return undefined;
  const max = 65_536 - processes;
  const allowed = `a port from 1024 to ${max}, for ${processes} processes with a port each from there on`;
  return r.integer('ports.base', or(o['base'], 4600), 1024, max, allowed);
}

function readWan(r: Reader, value: unknown, places: ReadonlySet<string>): { enabled: boolean; roundTrips: RoundTripInput[] } {
  const o = r.object('wan', value, ['enabled', 'roundTrips']);
  const enabled = o === undefined ? undefined : r.flag('wan.enabled', or(o['enabled'], true));
  const roundTrips: RoundTripInput[] = [];
  const seen = new Map<string, string>();
  for (const [i, item] of (r.list('wan.roundTrips', or(o?.['roundTrips'], []), 0, ROUND_TRIPS_MAX) ?? []).entries()) {
    const path = at('wan.roundTrips', i);
    const pair = r.object(path, item, ['between', 'roundTripMs']);
    if (pair === undefined) continue;
    const betweenPath = at(path, 'between');
    const [a, b] = (r.list(betweenPath, pair['between'], 2, 2) ?? [])
      .map((place, n) => readLocation(r, at(betweenPath, n), place, places));
    const roundTripMs = readRoundTripMs(r, at(path, 'roundTripMs'), pair['roundTripMs']);
    if (a === undefined || b === undefined || roundTripMs === undefined) continue;
    unique(r, seen, [a, b].toSorted().join(' and '), betweenPath, 'pair');
    roundTrips.push({ between: [a, b], roundTripMs });
  }
  return { enabled: enabled ?? true, roundTrips };
}

// ---- SLAs ----------------------------------------------------------------------------------------------------------

/** One for each of the list, so that physics can say which it speaks of. */
function readSlas(r: Reader, value: unknown, regions: readonly RegionParts[]): Maybe<Sla>[] {
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
  const threshold = indicator === undefined ? {} : readThresholds(r, path, o, indicator);
  const windowDays = r.integer(at(path, 'windowDays'), or(o['windowDays'], 30), 1, 90);
  const scope = readScope(r, at(path, 'scope'), or(o['scope'], 'global'), scopes);
  const severity = r.oneOf(at(path, 'severity'), or(o['severity'], 'ticket'), ['page', 'ticket']);
  const ownerPattern = /^[^\p{Cc}\s][^\p{Cc}]{0,63}$/u;
  const owner = r.text(at(path, 'owner'), o['owner'], ownerPattern, 'the team that answers for it, 1 to 64 characters');
  const runbook = r.text(
    at(path, 'runbook'), o['runbook'], /^(?:https:\/\/[^\s\p{Cc}]{4,500}|runbooks\/(?!.*\.\.)[A-Za-z0-9._/-]{1,200})$/u,
    'a page (https://...) or a file of this repository (runbooks/...)',
  );
  if (id === undefined || indicator === undefined || objective === undefined || threshold === undefined) return undefined;
  if (windowDays === undefined || scope === undefined || severity === undefined) return undefined;
  if (owner === undefined || runbook === undefined) return undefined;
  return { id, indicator, objective, ...threshold, windowDays, scope, severity, owner, runbook };
}

function readThresholds(
  r: Reader, path: string, o: Readonly<Record<string, unknown>>, indicator: Indicator,
): Maybe<Pick<Sla, 'thresholdMs' | 'thresholdRatio'>> {
  const wanted = { ms: 'thresholdMs', ratio: 'thresholdRatio', none: undefined }[INDICATORS[indicator].threshold];
  let ok = true;
  for (const key of ['thresholdMs', 'thresholdRatio'] as const) {
    if (key === wanted || o[key] === undefined) continue;
    r.report(at(path, key), o[key], `nothing: ${indicator} takes ${wanted === undefined ? 'no threshold' : wanted}`);
    ok = false;
  }
  if (wanted === 'thresholdMs') {
    const allowed = `milliseconds, more than 0 and at most ${THRESHOLD_MS_MAX}`;
    const thresholdMs = r.number(at(path, wanted), o[wanted], (ms) => ms > 0 && ms <= THRESHOLD_MS_MAX, allowed);
    return ok && thresholdMs !== undefined ? { thresholdMs } : undefined;
  }
  if (wanted === 'thresholdRatio') {
    const fits = (share: number): boolean => share >= 0 && share < 1;
    const thresholdRatio = r.number(at(path, wanted), o[wanted], fits, 'a share from 0 to below 1');
    return ok && thresholdRatio !== undefined ? { thresholdRatio } : undefined;
  }
  return ok ? {} : undefined;
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

// ---- what must hold between the parts ------------------------------------------------------------------------------

function unique(r: Reader, seen: Map<string, string>, id: string, path: string, what: string): boolean {
  const first = seen.get(id);
  if (first === undefined) seen.set(id, path);
  else r.report(path, id, `a name that no other ${what} has; ${first} has it`);
  return first === undefined;
}

function checkSiteIds(r: Reader, controlPlane: Maybe<ControlPlane>, regions: readonly RegionParts[]): void {
  const seen = new Map<string, string>();
  if (controlPlane !== undefined) seen.set(controlPlane.id, 'controlPlane.id');
  for (const region of regions) {
    if (region.id !== undefined) unique(r, seen, region.id, at(region.path, 'id'), 'site');
    for (const [i, edge] of region.edges.entries()) {
      if (edge.id !== undefined) unique(r, seen, edge.id, at(at(at(region.path, 'edges'), i), 'id'), 'site');
    }
  }
}

/** Promises that no implementation could keep, because light is too slow. */
function checkPhysics(r: Reader, topology: Topology, policy: Maybe<PlatformPolicy>, slas: readonly Maybe<Sla>[]): void {
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
