/**
 * How a network is cut into subnets. By position, never by who is asked first: each zone has its part whether it is used or not, so
 * that a zone or a tier can come later without moving another.
 */
import { ZONES } from './aws.ts';
import { cidrAt, formatCidr, parseCidr, sizeOf, type Cidr } from './cidr.ts';
import { EDGE_PREFIX, NETWORK_PREFIX } from './addresses.ts';

export interface PlannedSubnet {
  /** Availability zone, Local Zone or Wavelength Zone. */
  readonly zone: string;
  readonly cidr: string;
}

/** One subnet of each tier in each zone, in the order of the zones. */
export interface SubnetPlan {
  readonly public: readonly PlannedSubnet[];
  readonly private: readonly PlannedSubnet[];
  readonly isolated: readonly PlannedSubnet[];
}

/**
 * Of a /18, in quarters of /20 (4,096 addresses): one private subnet each in the first three; the fourth in eighths of /23, three
 * public, three isolated, and two that are free.
 */
const ZONED = { privatePrefix: 20, smallPrefix: 23, publicAt: 0, isolatedAt: ZONES } as const;

/** Subnets of the control plane's or a region's network, over three zones. */
export function planSubnets(network: string, zones: readonly string[]): SubnetPlan {
  const whole = read(network, NETWORK_PREFIX);
  if (zones.length !== ZONES || new Set(zones).size !== ZONES) throw new RangeError(`${ZONES} different zones are needed, got ${zones.join(', ') || 'none'}`);
  const small = part(whole, ZONED.privatePrefix, ZONES);
  return {
    public: zones.map((zone, i) => ({ zone, cidr: formatCidr(part(small, ZONED.smallPrefix, ZONED.publicAt + i)) })),
    private: zones.map((zone, i) => ({ zone, cidr: formatCidr(part(whole, ZONED.privatePrefix, i)) })),
    isolated: zones.map((zone, i) => ({ zone, cidr: formatCidr(part(small, ZONED.smallPrefix, ZONED.isolatedAt + i)) })),
  };
}

export interface EdgeSubnetPlan {
  /** Of the edge node's host, in the site's zone. */
  readonly host: PlannedSubnet;
  /** For a way out or in at the site, in the same zone; only made where it is needed. */
  readonly public: PlannedSubnet;
  /** Of the endpoints of the region's and AWS's services, in zones of the AWS region: they are in no Local or Wavelength Zone. */
  readonly endpoints: readonly PlannedSubnet[];
}

/** Of a /24: host and public a quarter each (64 addresses), endpoints an eighth each (32), and one that is free. */
const EDGE = { largePrefix: 26, smallPrefix: 27, endpointsAt: 4 } as const;

/** Subnets of an edge site's network. `regionZones`: at most three zones of its AWS region. */
export function planEdgeSubnets(network: string, zone: string, regionZones: readonly string[]): EdgeSubnetPlan {
  const whole = read(network, EDGE_PREFIX);
  if (regionZones.length === 0 || regionZones.length > ZONES) throw new RangeError(`1 to ${ZONES} zones of the AWS region are needed, got ${regionZones.length}`);
  return {
    host: { zone, cidr: formatCidr(part(whole, EDGE.largePrefix, 0)) },
    public: { zone, cidr: formatCidr(part(whole, EDGE.largePrefix, 1)) },
    endpoints: regionZones.map((of, i) => ({ zone: of, cidr: formatCidr(part(whole, EDGE.smallPrefix, EDGE.endpointsAt + i)) })),
  };
}

const part = (whole: Cidr, prefix: number, i: number): Cidr => cidrAt(whole.first + i * sizeOf(prefix), prefix);

function read(network: string, prefix: number): Cidr {
  const cidr = parseCidr(network);
  if (cidr?.prefix !== prefix) throw new RangeError(`a network of /${prefix} is needed, got ${JSON.stringify(network)}`);
  return cidr;
}
