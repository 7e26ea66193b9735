/**
 * `addresses.lock.json`: the networks that were planned, by deployment (`<platform>/<environment>`), so that several configs in one
 * folder share the file. Committed beside them; a conflict in it is solved by keeping both sides' lines and checking again.
 */
import { EDGE_PREFIX, NETWORK_PREFIX, networkMistake, type AddressPlan } from './addresses.ts';
import { overlap, parseCidr, type Cidr } from './cidr.ts';
import { at, ConfigError, createReader, type Reader } from './issues.ts';
import type { Platform } from './model.ts';

export interface AddressLock {
  readonly version: 1;
  readonly deployments: Readonly<Record<string, AddressPlan['networks']>>;
}

const DEPLOYMENT = /^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/;
const STACK = /^(?:global|(?:region|edge)-[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?)$/;

const deploymentOf = (platform: Platform): string => `${platform.name}/${platform.deploy?.environment ?? ''}`;

/**
 * @param what the file's name, for messages
 * @throws ConfigError with every mistake in it
 */
export function parseAddressLock(text: string, what: string): AddressLock {
  const r = createReader();
  const deployments: Record<string, Record<string, string>> = {};
  const o = r.object('', readJson(text, what), ['version', 'deployments']);
  if (o !== undefined && o['version'] !== 1) r.report('version', o['version'], '1; run the Tidemark that wrote it');
  for (const [name, value] of o === undefined ? [] : entries(r, 'deployments', o['deployments'])) {
    const path = at('deployments', name);
    if (!DEPLOYMENT.test(name)) r.report(path, name, 'the name of a platform and of an environment: tidemark/production');
    deployments[name] = readNetworks(r, path, value);
  }
  if (r.issues.length > 0) throw new ConfigError(r.issues, what);
  return { version: 1, deployments };
}

function readJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(
      [{ path: '', value: '', allowed: 'JSON', message: `not JSON: ${(error as Error).message}; put the file back from version control` }], what,
    );
  }
}

function entries(r: Reader, path: string, value: unknown): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  r.report(path, value, 'an object');
  return [];
}

function readNetworks(r: Reader, path: string, value: unknown): Record<string, string> {
  const networks: Record<string, string> = {};
  const seen: { readonly path: string; readonly cidr: Cidr }[] = [];
  for (const [stack, text] of entries(r, path, value)) {
    const where = at(path, stack);
    if (!STACK.test(stack)) r.report(where, stack, 'the name of a stack: global, region-eu, edge-eu-fra-1');
    const prefix = stack.startsWith('edge-') ? EDGE_PREFIX : NETWORK_PREFIX;
    const mistake = networkMistake(text, { least: prefix, most: prefix });
    if (mistake !== undefined) {
      r.report(where, text, mistake);
      continue;
    }
    const cidr = parseCidr(text as string) as Cidr;
    const other = seen.find((s) => overlap(s.cidr, cidr));
    if (other !== undefined) r.report(where, text, `a network that nobody else has; it overlaps ${other.path}`);
    seen.push({ path: where, cidr });
    networks[stack] = text as string;
  }
  return networks;
}

/** What the record has of a platform's deployment. */
export const recordedPlan = (lock: AddressLock | undefined, platform: Platform): AddressPlan | undefined => {
  const name = deploymentOf(platform);
  return lock !== undefined && Object.hasOwn(lock.deployments, name) ? { networks: lock.deployments[name] as AddressPlan['networks'] } : undefined;
};

/** The record with a platform's plan in it. */
export const withPlan = (lock: AddressLock | undefined, platform: Platform, plan: AddressPlan): AddressLock => ({
  version: 1, deployments: { ...lock?.deployments, [deploymentOf(platform)]: plan.networks },
});

/** As it is written: sorted, a line for each network, so that it merges. */
export function formatAddressLock(lock: AddressLock): string {
  const sorted = <T>(o: Readonly<Record<string, T>>): Record<string, T> => Object.fromEntries(Object.entries(o).sort(([a], [b]) => (a < b ? -1 : 1)));
  const deployments = Object.fromEntries(Object.entries(sorted(lock.deployments)).map(([name, networks]) => [name, sorted(networks)]));
  return `${JSON.stringify({ version: lock.version, deployments }, null, 2)}\n`;
}
