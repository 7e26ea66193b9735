/** What can be wrong with a network before AWS is asked: overlaps, sizes, zones, a NAT gateway without a public subnet. */
import { Token } from 'cdktf';
import { contains, overlap, parseCidr, type Cidr } from '../../platform/cidr.ts';
import type { Mistakes } from '../common/index.ts';
import { GATEWAY_SERVICES, PREFIX } from './defaults.ts';

/**
 * `public`: has a way from and to the internet, for NAT gateways and internet-facing load balancers; nothing in it gets a
 * public address by itself. `private`: reaches the internet through a NAT gateway, if there is one. `isolated`: never does.
 */
export const TIERS = ['public', 'private', 'isolated'] as const;
export type SubnetTier = (typeof TIERS)[number];
export type Subnets = Readonly<Partial<Record<SubnetTier, readonly SubnetProps[]>>>;

export interface SubnetProps {
  /** Availability zone, Local Zone or Wavelength Zone: `eu-west-1a`. One subnet of a tier in each. */
  readonly zone: string;
  /** A part of the network's own, /16 to /28. */
  readonly cidr: string;
  /** ARN of the Outpost that the subnet is on. @default - none */
  readonly outpostArn?: string;
}

export type Nat = 'none' | 'one' | 'per-zone';

export interface Layout {
  readonly cidr: string;
  readonly subnets: Subnets;
  readonly nat: Nat;
  readonly gatewayEndpoints: readonly string[];
  readonly interfaceEndpoints: readonly string[];
}

export const all = (subnets: Subnets): (SubnetProps & { readonly tier: SubnetTier })[] =>
  TIERS.flatMap((tier) => (subnets[tier] ?? []).map((subnet) => ({ ...subnet, tier })));

export function checkLayout(m: Mistakes, layout: Layout): void {
  const vpc = readCidr(m, 'cidr', layout.cidr);
  const parsed: { readonly where: string; readonly text: string; readonly cidr: Cidr }[] = [];
  if (all(layout.subnets).length === 0) m.add('subnets: none; a network has at least one');
  for (const tier of TIERS) {
    const seen = new Set<string>();
    for (const [i, { zone, cidr }] of (layout.subnets[tier] ?? []).entries()) {
      const where = `subnets.${tier}[${i}]`;
      m.text(`${where}.zone`, zone, /^[a-z]{2}(?:-[a-z0-9]+)+$/, 'the name of a zone such as eu-west-1a');
      if (seen.has(zone)) m.add(`${where}.zone: ${zone} has a ${tier} subnet already; one of each tier in a zone`);
      seen.add(zone);
      const network = readCidr(m, `${where}.cidr`, cidr);
      if (network === undefined) continue;
      if (vpc !== undefined && !contains(vpc, network)) m.add(`${where}.cidr: ${cidr} is outside of the network's own ${layout.cidr}`);
      const other = parsed.find((p) => overlap(p.cidr, network));
      if (other !== undefined) m.add(`${where}.cidr: ${cidr} overlaps ${other.text} of ${other.where}`);
      parsed.push({ where, text: cidr, cidr: network });
    }
  }
  checkNat(m, layout);
  checkEndpoints(m, layout);
}

function readCidr(m: Mistakes, prop: string, text: string): Cidr | undefined {
  if (Token.isUnresolved(text)) return undefined;
  const cidr = parseCidr(text);
  const allowed = `an IPv4 network of /${PREFIX.least} to /${PREFIX.most} without host bits, such as 10.64.0.0/18`;
  if (cidr === undefined || cidr.prefix < PREFIX.least || cidr.prefix > PREFIX.most) m.add(`${prop}: expected ${allowed}, got ${JSON.stringify(text)}`);
  return cidr;
}

function checkNat(m: Mistakes, { nat, subnets }: Layout): void {
  m.oneOf('nat', nat, ['none', 'one', 'per-zone']);
  if (nat === 'none') return;
  const zones = new Set((subnets.public ?? []).map(({ zone }) => zone));
  if (zones.size === 0) m.add(`nat: ${nat} needs a public subnet to put the gateway in; add subnets.public, or choose none`);
  if ((subnets.private ?? []).length === 0) m.add(`nat: ${nat} serves private subnets, and there are none; choose none`);
  if (nat !== 'per-zone' || zones.size === 0) return;
  const without = (subnets.private ?? []).filter(({ zone }) => !zones.has(zone)).map(({ zone }) => zone);
  if (without.length > 0) m.add(`nat: per-zone needs a public subnet in ${without.join(', ')}; add them, or choose one`);
}

function checkEndpoints(m: Mistakes, { gatewayEndpoints, interfaceEndpoints, subnets }: Layout): void {
  for (const service of gatewayEndpoints) m.oneOf('gatewayEndpoints', service, GATEWAY_SERVICES);
  for (const service of interfaceEndpoints) m.text('interfaceEndpoints', service, /^[a-z0-9]+(?:[.-][a-z0-9]+)*$/, 'the short name of an AWS service such as ecr.api');
  for (const [prop, list] of [['gatewayEndpoints', gatewayEndpoints], ['interfaceEndpoints', interfaceEndpoints]] as const) {
    const twice = new Set(list.filter((service, i) => list.indexOf(service) !== i));
    if (twice.size > 0) m.add(`${prop}: ${[...twice].join(', ')} more than once`);
  }
  if (interfaceEndpoints.length > 0 && (subnets.private ?? subnets.isolated ?? []).length === 0) {
    m.add('interfaceEndpoints: need a private or an isolated subnet to be in, and there is none');
  }
}
