/** Incidents, put together: what is found becomes one, is stored, told, and asked for. */
import type { SecureContext } from 'node:tls';
import { METRICS, SEVERITIES } from '../../../platform/index.ts';
import { familyOf, startLoop, type Logger, type Metric, type requireToken, type Server } from '../../shell/index.ts';
import type { Trust } from '../../transparency/index.ts';
import type { LedgerStore } from '../store.ts';
import type { Instance } from '../telemetry/sla.ts';
import type { TelemetryStore } from '../telemetry/store.ts';
import { createEvaluator } from './evaluate.ts';
import type { Telling } from './events.ts';
import { copyFindings } from './findings.ts';
import { createOutbox } from './outbox.ts';
import { incidentRoutes } from './routes.ts';
import { createSender } from './send.ts';
import type { WebhookSettings } from './settings.ts';
import type { IncidentStore } from './store.ts';

export { readWebhooks } from './settings.ts';
export { openIncidentStore, type IncidentStore } from './store.ts';

/** Evaluated at least so often, and when telemetry has come, but not sooner than this after the last time. */
const IDLE_MS = 10_000;
const REST_MS = 1_000;
/** The rest is so many times as long as others had to wait for the evaluation: it never takes more than some 2% of a processor. */
const REST_SHARE = 50;
const REST_MAX_MS = 30_000;
const FAILED_MS = 10_000;
const PRUNE_MS = 10 * 60_000;

export interface IncidentsOptions extends WebhookSettings {
  readonly store: IncidentStore;
  readonly telemetry: Pick<TelemetryStore, 'slaCounts' | 'countedSince' | 'heardSince' | 'progress'>;
  readonly ledger: Pick<LedgerStore, 'incidentsAfter'>;
  readonly trust: Trust;
  readonly instances: readonly Instance[];
  readonly requireToken: ReturnType<typeof requireToken>;
  /** Of calls to other services: receivers are believed by the same authorities. */
  readonly secureContext: SecureContext | undefined;
  readonly logger: Logger;
  readonly now: () => number;
  /** One delivery, milliseconds. @default - see core/webhooks.ts */
  readonly timeoutMs?: number;
}

export interface Incidents {
  readonly addRoutes: (server: Server) => void;
  readonly metrics: () => Metric[];
  /** There is something new to look at. */
  readonly wake: () => void;
  readonly stop: () => Promise<void>;
}

export function createIncidents(o: IncidentsOptions): Incidents {
  const { store, trust, logger, now } = o;
  const regions = new Map([...trust.regions.values()].flatMap((region) => [...region.nodes.keys()].map((node): [string, string] => [node, region.id])));
  const telling: Telling = { origin: trust.origin, webhooks: o.webhooks, regionOfSite: (site) => regions.get(site) };
  const { evaluate } = createEvaluator({ telemetry: o.telemetry, incidents: store, instances: o.instances, telling, now });
  const sender = createSender({ secureContext: o.secureContext, now, ...(o.timeoutMs === undefined ? {} : { timeoutMs: o.timeoutMs }) });
  const outbox = createOutbox({ store, webhooks: o.webhooks, keys: o.keys, sender, logger, now, random: Math.random });

  let endedAt = -Infinity;
  let restMs = REST_MS;
  const evaluating = startLoop(async () => {
    await copyFindings(o.ledger, store, telling, now());
    const busyMs = await evaluate();
    outbox.wake();
    endedAt = performance.now();
    restMs = Math.min(REST_MAX_MS, Math.max(REST_MS, REST_SHARE * busyMs));
    return Math.max(IDLE_MS, restMs);
  }, (error) => {
    logger.error({ err: error }, 'incidents not evaluated');
    return FAILED_MS;
  });
  const pruning = startLoop(async () => {
    outbox.expire();
    return store.prune(now()) ? 100 : PRUNE_MS;
  }, (error) => {
    logger.error({ err: error }, 'old incidents not deleted');
    return PRUNE_MS;
  });

  return {
    addRoutes: (server) => incidentRoutes(server, { store, trust, telling, requireToken: o.requireToken, now, onTold: outbox.wake }),
    metrics() {
      const counts = store.openCounts();
      return [
        { ...familyOf(METRICS.incidents), samples: [{ value: counts.page + counts.ticket }] },
        { name: 'tidemark_incidents_open', type: 'gauge', help: 'Open incidents, by severity.', samples: SEVERITIES.map((severity) => ({ labels: { severity }, value: counts[severity] })) },
        ...outbox.metrics(),
      ];
    },
    wake() {
      if (performance.now() - endedAt >= restMs) evaluating.wake();
    },
    async stop() {
      await Promise.all([evaluating.stop(), pruning.stop(), outbox.stop()]);
      await sender.close();
      store.close();
    },
  };
}
