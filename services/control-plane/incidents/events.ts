/** What receivers are told: CloudEvents 1.0 in the structured JSON format (https://github.com/cloudevents/spec, cloudevents/formats/json-format.md). */
import { concerns, type News } from '../core/incidents.ts';
import { isAsSevere, type IncidentEvent, type Webhook } from '../../../platform/index.ts';
import type { Incident } from './model.ts';
import type { Told } from './store.ts';

export const CLOUD_EVENT_TYPE = 'application/cloudevents+json; charset=utf-8';
/** Changes when `data` does in a way that receivers would stumble over. */
const DATA_SCHEMA = 'urn:tidemark:schema:incident:1';

/** `example.tidemark.incident.opened` of `tidemark.example`, `org.example.clearing.incident.opened` of `example.org/clearing`. */
export function eventType(origin: string, event: IncidentEvent): string {
  const [host = '', ...path] = origin.split('/');
  return [...host.split('.').reverse(), ...path, 'incident', event].join('.');
}

export interface Telling {
  readonly origin: string;
  readonly webhooks: readonly Webhook[];
  readonly regionOfSite: (site: string) => string | undefined;
}

/**
 * The event, and who is told of it. An event of an incident has always the same id, so that receivers know what they have.
 * @param news of an update: what changed. No two updates of an incident have the same
 */
export function toldOf({ origin, webhooks, regionOfSite }: Telling, type: IncidentEvent, incident: Incident, at: number, news: readonly News[] = []): Told {
  const id = [incident.id, type, ...news].join('-');
  const body = JSON.stringify({
    specversion: '1.0', id, source: `//${origin}/incidents`, type: eventType(origin, type), subject: incident.id, time: new Date(at).toISOString(),
    datacontenttype: 'application/json', dataschema: DATA_SCHEMA, data: { ...incident, state: incident.closedAt === null ? 'open' : 'closed' },
  });
  const wanted = webhooks.filter((w) => w.events.includes(type) && isAsSevere(incident.severity, w.severity) && concerns(w.scope, incident.scope, regionOfSite));
  return { id, type, at, body, webhooks: wanted.map((w) => w.id) };
}
