/** Telemetry at the centre, put together: what comes in is stored once and added up; figures, SLAs and reports are read from it. */
import { join } from 'node:path';
import { METRICS, type Sla } from '../../../platform/index.ts';
import { familyOf, startLoop, type Logger, type Metric, type Server } from '../../shell/index.ts';
import { LAG_STAGES } from '../../telemetry/index.ts';
import type { Signer, Trust } from '../../transparency/index.ts';
import type { IncidentStore } from '../incidents/store.ts';
import type { Incident, LedgerStore } from '../store.ts';
import { auditRoutes, type AuditContext } from './audit.ts';
import { createIngest } from './ingest.ts';
import { createLive, sitesNow } from './live.ts';
import { telemetryRoutes } from './routes.ts';
import { instancesOf, type Instance } from './sla.ts';
import { openTelemetryStore, type TelemetryStore } from './store.ts';

const PRUNE_MS = 10 * 60_000;

export interface TelemetryOptions {
  readonly folder: string;
  readonly trust: Trust;
  readonly signer: Signer;
  readonly slas: readonly Sla[];
  readonly ledger: Pick<LedgerStore, 'keepEvidence'> & AuditContext['ledger'];
  /** Of the global log, for exports. */
  readonly log: Pick<AuditContext, 'trustText' | 'witnessed' | 'size'>;
  readonly onIncident: (incident: Incident) => void;
  readonly logger: Logger;
  readonly now: () => number;
  /** When the outcomes of each node were last asked for. */
  readonly asked: ReadonlyMap<string, number>;
  /** Of the centre itself, for whoever listens. */
  readonly status: () => unknown;
  readonly incidents: Pick<IncidentStore, 'openCounts' | 'during'>;
  /** Something new was counted. */
  readonly onDeltas: () => void;
}

export interface Telemetry {
  readonly store: TelemetryStore;
  /** Each SLA with each scope that it is about. */
  readonly instances: readonly Instance[];
  readonly addRoutes: (server: Server) => void;
  readonly metrics: () => Metric[];
  /** Ends the streams to listeners, so that the server can close. */
  readonly quiet: () => void;
  readonly stop: () => Promise<void>;
}

export function createTelemetry(o: TelemetryOptions): Telemetry {
  const { trust, slas, now } = o;
  const store = openTelemetryStore(join(o.folder, 'telemetry.db'));
  const ingest = createIngest({ trust, signer: o.signer, store, ledger: o.ledger, onIncident: o.onIncident, onDeltas: o.onDeltas, now });
  const instances = instancesOf(slas, trust);
  const openIncidents = (): number => Object.values(o.incidents.openCounts()).reduce((sum, n) => sum + n, 0);
  const live = createLive(() => JSON.stringify({
    at: now(), centre: o.status(), sites: sitesNow(trust, ingest.latest, now(), o.asked), incidents: { open: openIncidents() },
  }));
  const pruning = startLoop(async () => (store.prune(now()) ? 100 : PRUNE_MS), (error) => {
    o.logger.error({ err: error }, 'telemetry: old rows not deleted');
    return PRUNE_MS;
  });
  return {
    store, instances,
    addRoutes(server) {
      telemetryRoutes(server, { trust, slas, store, ingest, live, incidents: o.incidents, now });
      auditRoutes(server, { ...o.log, trust, signer: o.signer, store, ledger: o.ledger, instances, now });
    },
    metrics() {
      const nodes = store.nodes();
      return [
        {
          ...familyOf(METRICS.lagMs), help: `${METRICS.lagMs.what}; as the regions' nodes told since this service started.`,
          samples: [...ingest.received].flatMap(([region, lag]) => LAG_STAGES.map((stage) => ({ labels: { region, stage }, histogram: lag[stage] }))),
        },
        {
          name: 'tidemark_global_telemetry_deltas', help: 'Telemetry deltas stored, by region.', type: 'gauge',
          samples: [...trust.regions.keys()].map((region) => ({ labels: { region }, value: nodes.reduce((sum, n) => sum + (n.region === region ? n.stored : 0), 0) })),
        },
        {
          name: 'tidemark_global_telemetry_missing', help: 'Telemetry deltas that were numbered and never came, by region.', type: 'gauge',
          samples: [...trust.regions.keys()].map((region) => ({ labels: { region }, value: nodes.reduce((sum, n) => sum + (n.region === region ? n.max - n.stored : 0), 0) })),
        },
        { name: 'tidemark_global_live_listeners', help: 'Listeners of /v1/live.', type: 'gauge', samples: [{ value: live.count() }] },
      ];
    },
    quiet: live.stop,
    async stop() {
      live.stop();
      await pruning.stop();
      store.close();
    },
  };
}
