/** Webhooks as the control plane is given them: the definition's own objects, and a secret for each. */
import {
  CONTROL_SETTINGS, INCIDENT_EVENTS, SEVERITIES, SITE_ID_PATTERN, webhookUrlMistake, WEBHOOKS_MAX, type IncidentEvent, type Severity, type Webhook,
} from '../../../platform/index.ts';
import { parsed, SettingsError, type Settings } from '../../shell/index.ts';
import { parseWebhookSecrets, type SigningKeys } from './sign.ts';

const SCOPE = /^(?:global|(?:region|site):.+)$/;
const idRegex = new RegExp(SITE_ID_PATTERN);

export interface WebhookSettings {
  readonly webhooks: readonly Webhook[];
  readonly keys: SigningKeys;
}

/** @throws SettingsError with every mistake; it never holds a secret */
export function readWebhooks(settings: Pick<Settings<typeof CONTROL_SETTINGS>, 'webhooks' | 'webhookSecrets'>): WebhookSettings {
  const { webhooks: { env, what }, webhookSecrets } = CONTROL_SETTINGS;
  const list = settings.webhooks;
  if (!Array.isArray(list)) throw new SettingsError(`${env}: expected ${what}`);
  if (list.length > WEBHOOKS_MAX) throw new SettingsError(`${env}: at most ${WEBHOOKS_MAX}, got ${list.length}`);
  const seen = new Set<unknown>();
  const mistakes = list.flatMap((webhook: unknown, i) => {
    const why = mistake(webhook, seen);
    return why === null ? [] : [`[${i}]: ${why}`];
  });
  if (mistakes.length > 0) throw new SettingsError(`${env}: ${mistakes.join('; ')}`);
  const webhooks = list as Webhook[];
  if (webhooks.length === 0) return { webhooks, keys: new Map() };
  if (settings.webhookSecrets === undefined) {
    throw new SettingsError(`${webhookSecrets.env} is not set, and ${env} has ${webhooks.map(({ id }) => id).join(', ')}: ${webhookSecrets.what}`);
  }
  return { webhooks, keys: parsed(settings.webhookSecrets, (text) => parseWebhookSecrets(text, webhooks)) };
}

function mistake(value: unknown, seen: Set<unknown>): string | null {
  if (typeof value !== 'object' || value === null) return 'expected a webhook';
  const { id, url, events, severity, scope } = value as Partial<Record<keyof Webhook, unknown>>;
  if (typeof id !== 'string' || !idRegex.test(id)) return `id: expected an id, got ${JSON.stringify(id)?.slice(0, 80) ?? 'nothing'}`;
  if (seen.has(id)) return `id: ${id} is there already`;
  seen.add(id);
  const wrongUrl = typeof url === 'string' ? webhookUrlMistake(url) : 'expected a text';
  if (wrongUrl !== undefined) return `url of ${id}: ${wrongUrl}`;
  if (!Array.isArray(events) || events.length === 0 || !events.every((event) => INCIDENT_EVENTS.includes(event as IncidentEvent))) return `events of ${id}: expected some of ${INCIDENT_EVENTS.join(', ')}`;
  if (!SEVERITIES.includes(severity as Severity)) return `severity of ${id}: expected one of ${SEVERITIES.join(', ')}`;
  return typeof scope === 'string' && SCOPE.test(scope) ? null : `scope of ${id}: expected global, region:ID or site:ID`;
}
