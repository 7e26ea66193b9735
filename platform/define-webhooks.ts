/** Reading webhooks: who is told of which incidents. */
import { at, didYouMean, type Reader } from './issues.ts';
import { ID, ID_ALLOWED, or, unique, type Maybe } from './define-shared.ts';
import type { RegionParts } from './define-sites.ts';
import { isLoopback } from './loopback.ts';
import type { Webhook, WebhookScope } from './model.ts';
import { INCIDENT_EVENTS, SEVERITIES, WEBHOOK_URL_ALLOWED, webhookUrlMistake, WEBHOOKS_MAX } from './webhooks.ts';

/** @param isDeployed whether the platform is laid out on AWS, where no receiver is on the machine of the control plane */
export function readWebhooks(r: Reader, value: unknown, regions: readonly RegionParts[], isDeployed: boolean): Webhook[] {
  const seen = new Map<string, string>();
  const scopes = new Set(['global', ...regions.flatMap((region) => [
    ...(region.id === undefined ? [] : [`region:${region.id}`]), ...region.edges.flatMap((edge) => (edge.id === undefined ? [] : [`site:${edge.id}`])),
  ])]);
  return (r.list('webhooks', value, 0, WEBHOOKS_MAX) ?? []).flatMap((item, i) => readWebhook(r, at('webhooks', i), item, scopes, seen, isDeployed) ?? []);
}

function readWebhook(
  r: Reader, path: string, item: unknown, scopes: ReadonlySet<string>, seen: Map<string, string>, isDeployed: boolean,
): Maybe<Webhook> {
  const o = r.object(path, item, ['id', 'url', 'events', 'severity', 'scope']);
  if (o === undefined) return undefined;
  const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
  if (id !== undefined) unique(r, seen, id, at(path, 'id'), 'webhook');
  const url = readUrl(r, at(path, 'url'), o['url'], isDeployed);
  const eventsPath = at(path, 'events');
  const events = (r.list(eventsPath, or(o['events'], [...INCIDENT_EVENTS]), 1, INCIDENT_EVENTS.length) ?? [])
    .map((event, i) => r.oneOf(at(eventsPath, i), event, INCIDENT_EVENTS));
  const named = events.filter((event) => event !== undefined);
  for (const [i, event] of named.entries()) if (named.indexOf(event) !== i) r.report(at(eventsPath, i), event, 'each event once');
  const severity = r.oneOf(at(path, 'severity'), or(o['severity'], 'ticket'), SEVERITIES);
  const scope = or(o['scope'], 'global');
  const isScope = typeof scope === 'string' && scopes.has(scope);
  if (!isScope) r.report(at(path, 'scope'), scope, 'global (everything), region:ID (it and its sites) or site:ID of an edge node', didYouMean(scope, scopes));
  if (id === undefined || url === undefined || severity === undefined || !isScope) return undefined;
  return { id, url, events: INCIDENT_EVENTS.filter((event) => named.includes(event)), severity, scope: scope as WebhookScope };
}

function readUrl(r: Reader, path: string, value: unknown, isDeployed: boolean): Maybe<string> {
  if (typeof value !== 'string') return r.report(path, value, WEBHOOK_URL_ALLOWED);
  const mistake = webhookUrlMistake(value);
  // What may hold a password is not repeated.
  if (mistake !== undefined) return r.say(path, URL.canParse(value) ? 'an address that incidents are not sent to' : 'no address', WEBHOOK_URL_ALLOWED, mistake);
  if (isDeployed && isLoopback(new URL(value).hostname)) return r.report(path, value, 'with `deploy`: an https:// address that the control plane reaches on AWS; nobody else is on its machine');
  return value;
}
