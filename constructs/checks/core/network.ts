/** Networks and ports as security groups and network ACLs write them. */
import type { Value } from './model.ts';
import { numberOf, texts } from './values.ts';

/** Networks so wide that they are as good as everyone: shorter prefixes than any private range has. */
const WIDE = { ipv4: 8, ipv6: 16 } as const;

/** Whether a CIDR is the whole internet or a large part of it. A network that only Terraform knows is not. */
export function isAnywhere(cidr: Value): boolean {
  if (typeof cidr !== 'string') return false;
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(cidr.trim());
  if (match === null) return false;
  const v6 = match[1]!.includes(':');
  return Number(match[2]) < (v6 ? WIDE.ipv6 : WIDE.ipv4);
}

export const anywhereIn = (cidrs: Value): readonly string[] => texts(cidrs).filter(isAnywhere);

/** A rule about ports. */
export interface Ports {
  /** `tcp`, `udp`, `-1` for all, ... */
  readonly protocol: string;
  /** NaN where only Terraform knows. */
  readonly from: number;
  readonly to: number;
}

const PROTOCOL_NUMBERS: Readonly<Record<string, string>> = { 6: 'tcp', 17: 'udp', 1: 'icmp', 58: 'icmpv6', all: '-1' };
/** Protocols without ports. */
const PORTLESS = ['icmp', 'icmpv6'];

export function portsOf(protocol: Value, from: Value, to: Value): Ports {
  const name = String(protocol ?? '-1').toLowerCase();
  const number = (value: Value): number => {
    const n = numberOf(value);
    return typeof n === 'number' ? n : Number.NaN;
  };
  return { protocol: PROTOCOL_NUMBERS[name] ?? name, from: number(from), to: number(to) };
}

/** Whether the rule lets a port through; a port that only Terraform knows may be any. */
export function covers({ protocol, from, to }: Ports, port: number): boolean {
  if (protocol === '-1') return true;
  if (PORTLESS.includes(protocol)) return false;
  return !(from > port || to < port);
}

export const isAllTraffic = ({ protocol, from, to }: Ports): boolean => protocol === '-1' || (from === 0 && to === 65_535);

/** `tcp 22`, `tcp 0-65535`, `all traffic`. */
export function portsText({ protocol, from, to }: Ports): string {
  if (protocol === '-1') return 'all traffic';
  if (PORTLESS.includes(protocol)) return protocol;
  if (Number.isNaN(from) || Number.isNaN(to)) return `${protocol}, ports known at apply`;
  return `${protocol} ${from === to ? from : `${from}-${to}`}`;
}
