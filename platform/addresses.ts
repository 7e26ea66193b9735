/**
 * Which network each stack has. Planned once, then kept: moving a network would replace everything in it, so nothing here goes by a
 * site's place in a list. What was planned is recorded in `addresses.lock.json` beside the config, which is committed; planning adds
 * to the record and never moves what is in it, nor gives away what a removed site had. Only a person who takes a line out does.
 *
 * Large networks are taken from the lower end of `deploy.cidr`, small ones from the upper end, so that neither leaves gaps that the
 * other can't fill.
 */
import { edgeKindOf } from './aws.ts';
import { cidrAt, contains, DOCKER_RANGE, formatCidr, isPrivate, overlap, parseCidr, sizeOf, type Cidr } from './cidr.ts';
import type { Deploy } from './deploy.ts';
import { at, ConfigError, createReader, show, type Issue, type Reader } from './issues.ts';
import type { Platform } from './model.ts';
import { stackName } from './secrets.ts';

/** Prefix of the network of the control plane and of each region. */
export const NETWORK_PREFIX = 18;
/** Prefix of the network of each edge site on AWS. */
export const EDGE_PREFIX = 24;
export const DEPLOY_PREFIXES = { least: 8, most: 16 } as const;
export const ADDRESSES_FILE = 'addresses.lock.json';

/** The networks of one deployment. */
export interface AddressPlan {
  /** By stack name (`global`, `region-eu`, `edge-eu-fra-1`), in CIDR notation; also of stacks that are no more. */
  readonly networks: Readonly<Record<string, string>>;
}

interface Deployed extends Pick<Platform, 'regions'> {
  readonly deploy: Pick<Deploy, 'cidr' | 'regions' | 'edges'>;
}

/** A network that the definition asks for. */
interface Wish {
  readonly stack: string;
  readonly prefix: number;
  /** Where the definition speaks of it. */
  readonly path: string;
  readonly cidr?: string;
}

/**
 * Plans what `previous` doesn't have yet. Pure: the same arguments, the same plan.
 * @throws ConfigError with every network that can't be
 */
export function planAddresses(platform: Platform, previous?: AddressPlan): AddressPlan {
  const { deploy } = platform;
  if (deploy === undefined) throw new RangeError('a platform without `deploy` has no networks to plan');
  const r = createReader();
  const planned = plan(r, { regions: platform.regions, deploy }, previous);
  if (r.issues.length > 0) throw new ConfigError(r.issues);
  return planned;
}

/** The same, with what can't be as issues, so that a config's other mistakes can be told with them. */
export function checkAddresses(platform: Deployed, previous?: AddressPlan): readonly Issue[] {
  const r = createReader();
  plan(r, platform, previous);
  return r.issues;
}

function plan(r: Reader, platform: Deployed, previous: AddressPlan | undefined): AddressPlan {
  const { deploy } = platform;
  const whole = read(deploy.cidr);
  const wishes = wishesOf(platform);
  const networks = new Map(Object.entries(previous?.networks ?? {}));
  const space = createSpace(whole);
  const wished = new Map(wishes.map((wish) => [wish.stack, wish]));
  checkRecord(r, networks, wished, deploy.cidr, whole);
  for (const [stack, text] of networks) space.take(stack, read(text));
  takeExplicit(r, wishes, networks, space);

  const left = wishes.filter((wish) => !networks.has(wish.stack)).sort((a, b) => (a.stack < b.stack ? -1 : 1));
  const homeless: Wish[] = [];
  for (const wish of left) {
    const free = space.free(wish.prefix, wish.prefix === EDGE_PREFIX ? 'highest' : 'lowest');
    if (free === undefined) {
      homeless.push(wish);
      continue;
    }
    space.take(wish.stack, free);
    networks.set(wish.stack, formatCidr(free));
  }
  if (homeless.length > 0) sayTooSmall(r, deploy.cidr, wishes, homeless, [...networks.keys()].filter((stack) => !wished.has(stack)));
  return { networks: Object.fromEntries([...networks].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function wishesOf({ regions, deploy }: Deployed): Wish[] {
  const explicit = (of: 'regions' | 'edges', id: string): { cidr: string } | undefined => {
    const cidr = Object.hasOwn(deploy[of], id) ? deploy[of][id]?.cidr : undefined;
    return cidr === undefined ? undefined : { cidr };
  };
  return [
    { stack: stackName({ kind: 'global' }), prefix: NETWORK_PREFIX, path: 'deploy.cidr' },
    ...regions.flatMap((region): Wish[] => [
      {
        stack: stackName({ kind: 'region', id: region.id }), prefix: NETWORK_PREFIX,
        path: at(at('deploy.regions', region.id), 'cidr'), ...explicit('regions', region.id),
      },
      // On premises there is a network already.
      ...region.edges.filter((edge) => edgeKindOf(deploy, edge) !== 'on-premises').map((edge): Wish => ({
        stack: stackName({ kind: 'edge', id: edge.id }), prefix: EDGE_PREFIX,
        path: at(at('deploy.edges', edge.id), 'cidr'), ...explicit('edges', edge.id),
      })),
    ]),
  ];
}

/** What was recorded must still be where it may be. Networks that make no sense were refused when the record was read. */
function checkRecord(
  r: Reader, networks: ReadonlyMap<string, string>, wished: ReadonlyMap<string, Wish>, wholeText: string, whole: Cidr,
): void {
  const outside: string[] = [];
  for (const [stack, text] of networks) {
    const wish = wished.get(stack);
    if (wish === undefined) continue;
    if (wish.cidr === undefined) {
      if (!contains(whole, read(text))) outside.push(`${stack} at ${text}`);
    } else if (wish.cidr !== text) {
      r.report(wish.path, wish.cidr, `${text}, where ${stack} is by ${ADDRESSES_FILE}`, moving('its line'));
    }
  }
  if (outside.length > 0) r.report('deploy.cidr', wholeText, `a network with those of ${ADDRESSES_FILE} in it: ${some(outside)}`, moving('their lines'));
}

const moving = (lines: string): string => `to move what is there, and so to replace everything in it, take ${lines} out of ${ADDRESSES_FILE}`;

const SHOWN = 5;
const some = (names: readonly string[]): string =>
  names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '');

/** Explicit networks come before planned ones: they have no choice. */
function takeExplicit(r: Reader, wishes: readonly Wish[], networks: Map<string, string>, space: Space): void {
  for (const wish of wishes) {
    if (wish.cidr === undefined || networks.has(wish.stack)) continue;
    const cidr = read(wish.cidr);
    const other = space.holder(cidr);
    if (other !== undefined) {
      const known = wishes.some((w) => w.stack === other);
      const hint = known ? undefined : `${other} is no more; take its line out of ${ADDRESSES_FILE} when it is destroyed`;
      r.report(wish.path, wish.cidr, `a network that no other site has; ${other} has ${networks.get(other) ?? 'it'}`, hint);
      continue;
    }
    space.take(wish.stack, cidr);
    networks.set(wish.stack, wish.cidr);
  }
}

function sayTooSmall(r: Reader, cidr: string, wishes: readonly Wish[], homeless: readonly Wish[], unused: readonly string[]): void {
  const count = (prefix: number): number => wishes.filter((wish) => wish.prefix === prefix).length;
  const wanted = `${count(NETWORK_PREFIX)} of /${NETWORK_PREFIX} and ${count(EDGE_PREFIX)} of /${EDGE_PREFIX}`;
  const allowed = `a network with room for ${wanted}: none is left for ${some(homeless.map((wish) => wish.stack))}`;
  const hint = unused.length === 0 ? undefined
    : `${ADDRESSES_FILE} keeps networks of stacks that are no more: ${some(unused)}; take their lines out when they are destroyed`;
  r.report('deploy.cidr', cidr, allowed, hint);
}

// ---- free and taken ------------------------------------------------------------------------------------------------

interface Space {
  readonly take: (stack: string, cidr: Cidr) => void;
  /** Who has any of this. */
  readonly holder: (cidr: Cidr) => string | undefined;
  readonly free: (prefix: number, from: 'lowest' | 'highest') => Cidr | undefined;
}

/** Addresses in units of the smallest network, each taken or not. */
function createSpace(whole: Cidr): Space {
  const unit = sizeOf(EDGE_PREFIX);
  const units = (whole.last - whole.first + 1) / unit;
  const taken = new Uint8Array(units);
  const holders: { readonly stack: string; readonly cidr: Cidr }[] = [];
  const mark = (cidr: Cidr): void => {
    if (!overlap(whole, cidr)) return;
    const first = Math.max(0, Math.floor((cidr.first - whole.first) / unit));
    taken.fill(1, first, Math.min(units, Math.floor((cidr.last - whole.first) / unit) + 1));
  };
  mark(DOCKER_RANGE);
  /** Nothing is ever given back, so the search goes on where it ended; by prefix. */
  const reached = new Map<number, number>();
  return {
    take: (stack, cidr) => {
      holders.push({ stack, cidr });
      mark(cidr);
    },
    holder: (cidr) => holders.find((held) => overlap(held.cidr, cidr))?.stack,
    free: (prefix, from) => {
      const width = sizeOf(prefix) / unit;
      const slots = Math.floor(units / width);
      for (let n = reached.get(prefix) ?? 0; n < slots; n++) {
        reached.set(prefix, n);
        const first = (from === 'lowest' ? n : slots - 1 - n) * width;
        if (!taken.subarray(first, first + width).includes(1)) return cidrAt(whole.first + first * unit, prefix);
      }
      reached.set(prefix, slots);
      return undefined;
    },
  };
}

/** What was checked when it was read. */
function read(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new RangeError(`${show(text)} is no network in CIDR notation`);
  return cidr;
}

/** Why a network can't be one of ours; nothing for a good one. */
export function networkMistake(text: unknown, prefixes: { readonly least: number; readonly most: number }): string | undefined {
  const { least, most } = prefixes;
  const size = least === most ? `/${least}` : `/${least} to /${most}`;
  const form = `a private IPv4 network of ${size} in CIDR notation`;
  const cidr = typeof text === 'string' ? parseCidr(text) : undefined;
  if (cidr === undefined) return typeof text === 'string' && /^[\d.]+\/\d+$/.test(text) ? `${form}, without host bits` : form;
  if (cidr.prefix < least || cidr.prefix > most) return form;
  if (!isPrivate(cidr)) return `${form}: in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16`;
  if (contains(DOCKER_RANGE, cidr)) return `${form}, not in ${formatCidr(DOCKER_RANGE)}, which container hosts use for themselves`;
  return undefined;
}
