/** Who is told of incidents: the rules for webhooks, which the definition and the control plane both hold themselves to. */
import { isLoopback } from './loopback.ts';
import type { Severity } from './model.ts';

/** What happens to an incident, in this order: opened once, updated when it becomes more severe, closed once. */
export const INCIDENT_EVENTS = ['opened', 'updated', 'closed'] as const;
export type IncidentEvent = (typeof INCIDENT_EVENTS)[number];

/** Least severe first. */
export const SEVERITIES: readonly Severity[] = ['ticket', 'page'];

/** Whether `severity` is at least `least`. */
export const isAsSevere = (severity: Severity, least: Severity): boolean => SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(least);

export const WEBHOOKS_MAX = 20;
const URL_MAX = 2_000;

export const WEBHOOK_URL_ALLOWED = `an address such as https://hooks.example.com/tidemark, at most ${URL_MAX} characters; http:// only on this machine (localhost)`;

/** Link-local addresses of IPv4, of IPv4 within IPv6, and of IPv6; and addresses that are none. As a URL's `hostname` has them. */
const NOT_RECEIVERS = [/^169[.]254[.]/, /^\[::ffff:a9fe:/, /^\[fe[89ab][0-9a-f]:/, /^0\.0\.0\.0$/, /^\[::\]$/];

/**
 * Why `url` is none that incidents may be sent to; undefined when it is one.
 *
 * What is signed needs no secret in the address, and a definition is no place for secrets. Link-local addresses are where clouds
 * hand out credentials (169.254.169.254), and never a receiver.
 */
export function webhookUrlMistake(url: string): string | undefined {
  if (url.length > URL_MAX || /[\s\p{Cc}]/u.test(url)) return `longer than ${URL_MAX} characters, or with a space in it`;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) return 'no address';
  const { protocol, hostname, username, password, hash } = parsed;
  if (username !== '' || password !== '') return 'credentials in an address end up in logs; deliveries are signed instead';
  if (hash !== '' || url.endsWith('#')) return 'what stands behind # is not sent';
  if (NOT_RECEIVERS.some((pattern) => pattern.test(hostname))) return 'not an address of a receiver';
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) return undefined;
  return protocol === 'http:' ? 'what goes to another machine is encrypted: https://' : `no ${protocol} here`;
}

/** Of each signing secret (Standard Webhooks 1.0.0, "Signature scheme": at least 24, at most 64 bytes). */
export const WEBHOOK_SECRET_BYTES = { least: 24, made: 32, most: 64 } as const;
/** The secrets' prefix, by the same. */
export const WEBHOOK_SECRET_PREFIX = 'whsec_';
