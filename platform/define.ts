/**
 * From what is written in a config to a checked, frozen `Platform`, or to the list of everything that is wrong with it.
 *
 * Reading goes in two steps: each part on its own (types, ranges, unknown keys), then what must hold between them (ids, quorums,
 * limits, physics), as far as the parts are usable. So one mistake never hides another.
 */
import { readDeploy } from './define-deploy.ts';
import { DAY_MS, ID, ID_ALLOWED, or, unique, type Maybe } from './define-shared.ts';
import {
  checkPeers, checkSiteIds, completeRegion, readControlPlane, readLocation, readLocations, readRegions, readRoundTripMs, readWitnessQuorum,
} from './define-sites.ts';
import { checkPhysics, readSlas } from './define-slas.ts';
import { readWebhooks } from './define-webhooks.ts';
import { at, ConfigError, createReader, type Issue, type Reader } from './issues.ts';
import { ASSET_CODE_PATTERN, LIMIT_PATTERN, type Asset, type Platform, type PlatformInput, type PlatformPolicy, type RoundTripInput } from './model.ts';
import { KNOWN_LOCATIONS } from './rtt.ts';

const LIMIT_ALLOWED = 'minor units as a string of at most 18 digits, or a bigint';
const ASSETS_MAX = 100;
const ROUND_TRIPS_MAX = 10_000;

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
    'name', 'origin', 'assets', 'controlPlane', 'regions', 'witnessQuorum', 'policy', 'slas', 'webhooks', 'locations', 'ports', 'wan', 'deploy',
  ]);
  if (o === undefined) return { issues: r.issues };

  const name = r.text('name', o['name'], ID, ID_ALLOWED);
  const origin = readOrigin(r, o['origin']);
  const assets = readAssets(r, o['assets']);
  const locations = readLocations(r, or(o['locations'], []));
  const known = new Set([...KNOWN_LOCATIONS.map((place) => place.id), ...locations.map((own) => own.id)]);
  const places = { known, locations, onAws: o['deploy'] !== undefined };
  const controlPlane = readControlPlane(r, o['controlPlane'], places);
  const regions = readRegions(r, o['regions'], places);
  const witnessQuorum = readWitnessQuorum(r, o['witnessQuorum'], regions);
  const policy = readPolicy(r, or(o['policy'], {}), assets);
  const slas = readSlas(r, or(o['slas'], []), regions);
  const webhooks = readWebhooks(r, or(o['webhooks'], []), regions, o['deploy'] !== undefined);
  const processes = regions.reduce((n, region) => n + (region.replicas ?? 1) + region.edges.length, 1);
  const base = readPorts(r, or(o['ports'], {}), processes);
  const wan = readWan(r, or(o['wan'], {}), known);
  checkSiteIds(r, controlPlane, regions);
  checkPeers(r, regions);
  const deploy = o['deploy'] === undefined ? undefined : readDeploy(r, o['deploy'], { name, controlPlane, regions, locations });

  const complete = regions.map(completeRegion).filter((region) => region !== undefined);
  const distancesKnown = !r.issues.some(({ path }) => /^(?:locations|wan)\b/.test(path));
  if (controlPlane !== undefined && witnessQuorum !== undefined && complete.length === regions.length && distancesKnown) {
    checkPhysics(r, { controlPlane, regions: complete, witnessQuorum, locations, wan }, policy, slas);
  }
  if (r.issues.length > 0) return { issues: r.issues };
  // Without issues every part is there.
  const platform = {
    name, origin, assets, controlPlane, regions: complete, witnessQuorum, policy, slas, webhooks, locations, ports: { base }, wan,
    ...(deploy === undefined ? {} : { deploy }),
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
