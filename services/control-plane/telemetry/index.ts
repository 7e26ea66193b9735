/** Telemetry at the centre, put together: what comes in is stored once and added up; figures, SLAs and reports are read from it. */
import { join } from 'node:path';
import { METRICS, type Sla } from '../../../platform/index.ts';
import { classicHistogram, startLoop, type Logger, type Metric, type Server } from '../../shell/index.ts';
import { LAG_STAGES } from '../../telemetry/index.ts';
import type { Signer, Trust } from '../../transparency/index.ts';
import type { Incident, LedgerStore } from '../store.ts';
import { createIngest } from './ingest.ts';
import { createLive, sitesNow } from './live.ts';
import { telemetryRoutes } from './routes.ts';
import { openTelemetryStore } from './store.ts';

const PRUNE_MS = 10 * 60_000;

export interface TelemetryOptions {
  readonly folder: string;
  readonly trust: Trust;
  readonly signer: Signer;
  readonly slas: readonly Sla[];
  readonly ledger: Pick<LedgerStore, 'keepEvidence'>;
  readonly onIncident: (incident: Incident) => void;
  readonly logger: Logger;
  readonly now: () => number;
  /** Of the centre itself, for whoever listens. */
  readonly status: () => unknown;
}

export interface Telemetry {
  readonly addRoutes: (server: Server) => void;
  readonly metrics: () => Metric[];
  /** Ends the streams to listeners, so that the server can close. */
  readonly quiet: () => void;
  readonly stop: () => Promise<void>;
}

export function createTelemetry(o: TelemetryOptions): Telemetry {
  const { trust, slas, now } = o;
  const store = openTelemetryStore(join(o.folder, 'telemetry.db'));
  const ingest = createIngest({ trust, signer: o.signer, store, ledger: o.ledger, onIncident: o.onIncident, now });
  const live = createLive(() => JSON.stringify({ at: now(), centre: o.status(), sites: sitesNow(trust, ingest.latest, now()) }));
  const pruning = startLoop(async () => (store.prune(now()) ? 100 : PRUNE_MS), (error) => {
    o.logger.error({ err: error }, 'telemetry: old rows not deleted');
    return PRUNE_MS;
  });
  return {
    addRoutes: (server) => telemetryRoutes(server, { trust, slas, store, ingest, live, now }),
    metrics() {
      const nodes = store.nodes();
      const { lagMs } = METRICS;
      return [
        {
          name: lagMs.name, help: `${lagMs.what}; as the regions' nodes told since this service started.`, type: 'histogram',
          samples: [...ingest.received].flatMap(([region, sums]) => LAG_STAGES.flatMap((stage) => classicHistogram(sums.lag[stage], { region, stage }))),
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
