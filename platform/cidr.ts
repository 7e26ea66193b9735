/** IPv4 networks in CIDR notation (RFC 4632). */

export interface Cidr {
  /** First and last address, as numbers. */
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

const PATTERN = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;
const digits = (text: string | undefined, max: number): number | undefined =>
  (text !== undefined && /^(?:0|[1-9]\d*)$/.test(text) && Number(text) <= max ? Number(text) : undefined);

/** `undefined` for what is no network, or has host bits set. */
export function parseCidr(text: string): Cidr | undefined {
  const [, a, b, c, d, length] = PATTERN.exec(text) ?? [];
  const octets = [a, b, c, d].map((octet) => digits(octet, 255));
  const prefix = digits(length, 32);
  if (prefix === undefined) return undefined;
  let first = 0;
  for (const octet of octets) {
    if (octet === undefined) return undefined;
    first = first * 256 + octet;
  }
  return first % sizeOf(prefix) === 0 ? cidrAt(first, prefix) : undefined;
}

/** The network of this size that begins at an address. */
export const cidrAt = (first: number, prefix: number): Cidr => ({ first, last: first + sizeOf(prefix) - 1, prefix });

/** How many addresses a network of this prefix has. */
export const sizeOf = (prefix: number): number => 2 ** (32 - prefix);

export const formatCidr = ({ first, prefix }: Cidr): string =>
  `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${prefix}`;

export const contains = (outer: Cidr, inner: Cidr): boolean => outer.first <= inner.first && inner.last <= outer.last;
export const overlap = (a: Cidr, b: Cidr): boolean => a.first <= b.last && b.first <= a.last;

const known = (text: string): Cidr => parseCidr(text) as Cidr;

/** RFC 1918: what no one on the internet has. */
export const PRIVATE_RANGES: readonly Cidr[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(known);
export const isPrivate = (cidr: Cidr): boolean => PRIVATE_RANGES.some((range) => contains(range, cidr));

/** Docker's own bridge on every host of ours, and taken by several AWS services: a network there could not be reached from them. */
export const DOCKER_RANGE: Cidr = known('172.17.0.0/16');
