import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  ADDRESSES_FILE, awsRegionOf, ConfigError, deployed, edgeHostOf, loadPlatform, parseAddressLock, planAddresses, recordedPlan, sitesOf, stackName,
  zonesOf, type DeployedPlatform, type Platform, type Site,
} from '../../platform/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { EXIT } from '../errors.ts';
import { counted, fittedTable, withJson, type Io } from '../io.ts';
import type { Ending } from '../program.ts';

export function addConfig(program: Command, io: Io, ending: Ending): void {
  const config = program.command('config').description('the definition of the deployment');
  withJson(
    config.command('check').description('check a config, and say what goes where; every mistake is reported at once, with what is allowed')
      .argument('[file]', 'the config (or set TIDEMARK_CONFIG)', io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE),
    ['tidemark config check', 'tidemark config check examples/pilot.config.ts', 'tidemark config check other.config.ts --json'],
  ).action(async (file: string, options: { json?: boolean }) => {
    try {
      const platform = await loadPlatform(file);
      const places = platform.deploy === undefined ? undefined : placesOf(deployed(platform), dirname(resolve(file)));
      if (options.json === true) io.out(JSON.stringify(asJson(file, platform, places)));
      else io.out(asText(file, platform, places, io.columns));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      // That the config is wrong is the answer here, and no mistake of whoever asked.
      ending.code = EXIT.failed;
      const { message, issues } = error;
      if (options.json === true) io.out(JSON.stringify({ ok: false, file, error: { code: 'config', message, issues } }));
      io.err(`tidemark: ${message}`);
    }
  });
}

/** Where a site goes on AWS. */
interface Place {
  readonly stack: string;
  readonly awsRegion: string;
  readonly kind: string;
  readonly zones: readonly string[];
  /** Absent on premises. */
  readonly network?: string;
  /** Whether the network is in addresses.lock.json already. */
  readonly recorded: boolean;
}

/** @throws ConfigError when networks can't be where they were recorded */
function placesOf(platform: DeployedPlatform, folder: string): ReadonlyMap<string, Place> {
  const file = join(folder, ADDRESSES_FILE);
  const recorded = existsSync(file) ? recordedPlan(parseAddressLock(readFileSync(file, 'utf8'), file), platform) : undefined;
  const { networks } = planAddresses(platform, recorded);
  return new Map(sitesOf(platform).map((site): [string, Place] => {
    const stack = stackName({ kind: site.tier, id: site.id });
    const network = networks[stack];
    return [site.id, {
      stack, ...hostOf(platform, site), recorded: recorded?.networks[stack] !== undefined, ...(network === undefined ? {} : { network }),
    }];
  }));
}

function hostOf(platform: DeployedPlatform, { tier, id, location }: Site): Pick<Place, 'awsRegion' | 'kind' | 'zones'> {
  if (tier === 'edge') {
    const { awsRegion, kind, zone } = edgeHostOf(platform, { id, location });
    return { awsRegion, kind, zones: zone === undefined ? [] : [zone] };
  }
  const awsRegion = awsRegionOf(location, platform);
  return { kind: 'region', awsRegion, zones: zonesOf(awsRegion, platform.deploy) };
}

function asJson(file: string, platform: Platform, places: ReadonlyMap<string, Place> | undefined): object {
  const { name, origin, deploy } = platform;
  return {
    ok: true, file, name, origin, assets: platform.assets.map((asset) => asset.code),
    sites: sitesOf(platform).map((site) => ({ ...site, ...(places === undefined ? {} : { deploy: places.get(site.id) }) })),
    ...(deploy === undefined ? {} : { deploy: { environment: deploy.environment, shape: deploy.shape, storage: deploy.storage, domain: deploy.domain, cidr: deploy.cidr } }),
  };
}

function asText(file: string, platform: Platform, places: ReadonlyMap<string, Place> | undefined, columns: number | undefined): string {
  const edges = platform.regions.reduce((n, region) => n + region.edges.length, 0);
  const summary = `${file}: in order. ${platform.name} settles ${platform.assets.map((a) => a.code).join(', ')} with `
    + `${counted(platform.regions.length, 'region')} and ${counted(edges, 'edge node')}; ${counted(platform.slas.length, 'SLA')}`;
  const { deploy } = platform;
  if (deploy === undefined || places === undefined) return `${summary}\nIt has no \`deploy\`: it runs on this machine only.`;
  const rows = [...places].map(([id, place]) => [
    id, place.stack, place.kind, place.awsRegion, place.zones.length === 0 ? '-' : shortZones(place.awsRegion, place.zones),
    place.network === undefined ? '-' : place.network + (place.recorded ? '' : ' *'),
  ]);
  const fresh = [...places.values()].some((place) => place.network !== undefined && !place.recorded);
  return [
    summary, `On AWS: ${deploy.environment}, the ${deploy.shape} shape with ${deploy.storage} storage, below ${deploy.domain}`, '',
    fittedTable([['SITE', 'STACK', 'KIND', 'AWS REGION', 'ZONES', 'NETWORK'], ...rows], new Set(), [1, 2], columns),
    ...(fresh ? ['', `* not in ${ADDRESSES_FILE} yet: \`tidemark synth\` records it`] : []),
  ].join('\n');
}

/** `a b c` of one region's zones, the whole name of any other. */
const shortZones = (awsRegion: string, zones: readonly string[]): string =>
  zones.map((zone) => (zones.length > 1 && zone.slice(0, -1) === awsRegion ? zone.slice(-1) : zone)).join(' ');
