/**
 * The global control plane: applies the regions' blocks to a double-entry ledger, writes every outcome to the global log,
 * and has the regions witness it. `core/` holds the rules; this file wires them to HTTP, storage and time.
 */
import { join } from 'node:path';
import { CONTROL_SETTINGS, parseAssetScales, type AssetScale } from '../../platform/index.ts';
import { dashboardRoutes } from '../dashboard/serve.ts';
import { decodeGlobal, readTrace, type ServiceStatus } from '../protocol/index.ts';
import {
  baseUrl, compressAnswers, createHttpClient, createServer, createTracer, parsed, readAll, readOtlp, readSigner, readTls, readTrust, requireToken, runService, serveLog, SettingsError, startOtlp,
  type Logger, type Metric, type NumberMetric, type Running, type Settings,
} from '../shell/index.ts';
import { parseSlas } from '../telemetry/index.ts';
import { decodeBundle, openCheckpoint, type Trust } from '../transparency/index.ts';
import { createApplier } from './applier.ts';
import { balancesBefore, createPending, type Move } from './core/pending.ts';
import { createIncidents, openIncidentStore, readWebhooks } from './incidents/index.ts';
import { localRoutes, readLocalControl } from './local.ts';
import { createOutcomes } from './outcomes.ts';
import { controlRoutes } from './routes.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Head, Incident, LedgerStore } from './store.ts';
import { createTelemetry } from './telemetry/index.ts';
import { createCentreTracing, TRACES_UNDER_WAY_MAX, type TracedOutcome } from './tracing.ts';
import { createWitness, type Witnessed } from './witness.ts';

/** Incidents shown at /v1/status. */
const INCIDENTS_SHOWN = 20;
const RESTORE_STEP = 16_384;

/**
 * Starts the control plane; it serves until stopped.
 *
 * @param now milliseconds since 1970
 * @throws SettingsError when settings, key and trust.json do not fit together
 */
export async function startControlPlane(settings: Settings<typeof CONTROL_SETTINGS>, logger: Logger, now: () => number = Date.now): Promise<Running> {
  const { trust, signer, tls, urls, slas, assets, local, target, receivers } = readAll({
    trust: () => readTrust(settings.trust), signer: () => readSigner(settings.key), tls: () => readTls(settings),
    urls: () => readWitnessUrls(settings.witnessUrls),
    slas: () => (settings.slas === undefined ? [] : parsed(settings.slas, parseSlas)),
    assets: () => readAssets(settings.assets),
    local: () => (settings.local === undefined ? null : readLocalControl(settings.local, settings.host, settings.token)),
    target: () => readOtlp(settings), receivers: () => readWebhooks(settings),
    ledger: () => expectPlain(CONTROL_SETTINGS.ledger.env, settings.ledger, 'sqlite'),
    tiles: () => expectPlain(CONTROL_SETTINGS.tiles.env, settings.tiles, 'files'),
  });
  if (signer.vkey !== trust.global.vkey) {
    const expected = `the global log's is ${trust.global.vkey} in ${settings.trust.source}`;
    throw new SettingsError(`${settings.key.source}: is the key of ${signer.vkey}, but ${expected}`);
  }
  const store = openSqliteStore(join(settings.data, 'ledger.db'));
  const head = await store.head();
  const initial = readWitnessed(head, trust);
  const witnessedSize = initial?.size ?? 0;

  const otlp = startOtlp({ target, service: 'control-plane', instance: settings.site, tls, logger, now });
  const tracer = createTracer({ ...otlp, logger });
  const tracing = createCentreTracing(tracer, now);
  tracing.committed(await tracedOutcomes(store, witnessedSize, logger));

  const pending = createPending(await balancesAt(store, witnessedSize, head.size));
  const unwitnessed = await store.rangesSince(witnessedSize);
  const shown: ServiceStatus['incidents'][number][] = [...await store.incidents(INCIDENTS_SHOWN)];
  /** Of an incident that the ledger has stored. */
  const show = ({ at, kind, detail }: Incident): void => {
    logger.error({ kind }, detail);
    shown.unshift({ at, kind, detail });
    shown.length = Math.min(shown.length, INCIDENTS_SHOWN);
    incidents.wake();
  };
  const record = (incident: Incident): void => {
    if (shown[0]?.detail === incident.detail) return;
    store.addIncident(incident).catch((error: unknown) => logger.error({ err: error }, 'incident not stored'));
    show(incident);
  };

  const applier = createApplier({
    store, head, now, witnessedSize: () => witness.witnessed()?.size ?? 0,
    onCommit(committed) {
      for (const effects of committed.effects) pending.applied(effects);
      outcomes.committed(committed);
      tracing.committed(committed.traced, committed.cut);
      witness.wake();
    },
    onIncident: (incident, isStored) => (isStored ? show : record)(incident),
  });
  const outcomes = createOutcomes({
    store, checkpoint: () => witness.witnessed(), unwitnessed,
    nodes: new Map(head.nodes.map((n) => [n.id, applier.nodeApplied(n.id)])),
  });
  const client = createHttpClient(tls);
  const witness = createWitness({
    store, signer, trust, urls, client, logger, initial, size: applier.size,
    onRound() {
      pending.roundStarted();
      tracing.roundStarted();
    },
    onWitnessed(witnessed) {
      tracing.witnessed(witnessed.size);
      pending.roundWitnessed();
      outcomes.witnessed(witnessed);
    },
    onIncident: (kind, detail) => record({ at: now(), kind, detail }),
  });

  const status = (): ServiceStatus => {
    const counts = applier.counts();
    const at = witness.witnessed()?.size ?? 0;
    const cosigning = witness.regions();
    return {
      id: settings.site, tier: 'global', state: applier.halted() === null ? 'ready' : 'halted',
      log: { origin: signer.name, size: applier.size() },
      counts: {
        ...counts, witnessedSize: at, unwitnessed: applier.size() - at,
        witnesses: cosigning.filter((r) => r.size !== null && r.problem === null).length,
        queuedBlocks: applier.queued(), waiting: outcomes.waiting(), haltedNodes: applier.haltedNodes().length,
      },
      incidents: shown,
    };
  };

  const incidentStore = openIncidentStore(join(settings.data, 'incidents.db'));
  /** By node of trust.json. */
  const asked = new Map<string, number>();
  const telemetry = createTelemetry({
    asked,
    folder: settings.data, trust, signer, slas, ledger: store, onIncident: show, incidents: incidentStore, onDeltas: () => incidents.wake(), logger, now,
    log: { trustText: settings.trust.text, witnessed: witness.witnessed, size: applier.size },
    status: () => {
      const { state, log, counts } = status();
      return { state, log, counts };
    },
  });
  const incidents = createIncidents({
    ...receivers, store: incidentStore, telemetry: telemetry.store, instances: telemetry.instances, ledger: store, trust,
    requireToken: requireToken(settings.token), secureContext: tls.secureContext, logger, now,
  });
  const server = await createServer({
    name: 'Tidemark control plane', description: 'The ledger and the global log: accounts, outcomes, checkpoints, proofs.',
    logger,
    notReady: applier.halted, metrics: () => [...metricsOf(status()), ...telemetry.metrics(), ...incidents.metrics(), ...tracing.metrics(), ...otlp.metrics()], otlp, certificate: tls.certificate,
  });
  compressAnswers(server);
  controlRoutes(server, {
    store, applier, outcomes, pending, signer, assets, trust, now, logger, witnessed: witness.witnessed,
    onIncident: show, onAsked: (node) => void asked.set(node, now()), requireToken: requireToken(settings.token),
  });
  telemetry.addRoutes(server);
  incidents.addRoutes(server);
  if (local !== null) localRoutes(server, local, client, now);
  server.get('/v1/status', { schema: { tags: ['operations'] } }, async () => status());
  serveLog(server, {
    checkpoint: () => witness.witnessed()?.note ?? null,
    size: () => witness.witnessed()?.size ?? 0,
    tile: store.tile,
    bundle: store.bundle,
  });
  if (settings.dashboard !== undefined) await server.register(dashboardRoutes(settings.dashboard, { trust: settings.trust.text }));
  await server.listen({ host: settings.host, port: settings.port });
  logger.info({ url: baseUrl(server), size: head.size, witnessed: witnessedSize }, 'control plane listens');

  return {
    url: baseUrl(server),
    async stop() {
      telemetry.quiet();
      await server.close();
      await incidents.stop();
      await telemetry.stop();
      await applier.stop();
      await witness.stop();
      void tracer.flush();
      await otlp.stop();
      await client.close();
      await store.close();
    },
  };
}

/** The balances from before everything beyond the witnessed checkpoint, read back from the log. */
async function balancesAt(store: LedgerStore, witnessedSize: number, size: number): Promise<Map<string, bigint>> {
  const before = new Map<string, bigint>();
  for (let first = witnessedSize; first < size; first += RESTORE_STEP) {
    const entries = decodeBundle(await store.entries(first, Math.min(size, first + RESTORE_STEP)));
    balancesBefore(entries.map(moveOf).filter((m) => m !== null), before);
  }
  return before;
}

function moveOf(bytes: Uint8Array): Move | null {
  const entry = decodeGlobal(bytes);
  if (entry.type !== 'outcome' || entry.status !== 'final' || entry.duplicateOf !== undefined) return null;
  const { instruction: s, debitBalance, creditBalance } = entry;
  if (debitBalance === undefined || creditBalance === undefined) {
    throw new Error(`global log: the final outcome of ${s.id} has no balances`);
  }
  return { debit: s.debitAccount, credit: s.creditAccount, amount: s.amount, debitBalance, creditBalance };
}

/** Followed settlements whose outcomes an earlier life committed and nobody had witnessed; of when they came the log knows no more than of their commit. */
async function tracedOutcomes(store: LedgerStore, witnessedSize: number, logger: Logger): Promise<TracedOutcome[]> {
  const traced: TracedOutcome[] = [];
  for (const { index, trace } of await store.tracesSince(witnessedSize, TRACES_UNDER_WAY_MAX)) {
    try {
      const entry = decodeGlobal(decodeBundle(await store.entries(index, index + 1))[0]!);
      if (entry.type !== 'outcome') throw new Error('an outcome by the index of traces, it is an account');
      const { instruction: { id }, region, node, reason, at } = entry;
      traced.push({ index, id, trace: readTrace(trace, id), region, node, rejection: reason ?? null, receivedAt: at, startedAt: at, committedAt: at });
    } catch (error) {
      // A span that is not told keeps no ledger from its work.
      logger.warn({ err: error, index }, 'a trace is not taken up again');
    }
  }
  return traced;
}

/** @throws Error when the checkpoint is not one of this log's, or is of more entries than the log has */
function readWitnessed(head: Head, trust: Trust): Witnessed | null {
  if (head.witnessed === null) return null;
  const { size } = openCheckpoint(head.witnessed.note, trust.global);
  if (size > head.size) {
    const lost = `${size - head.size} entries were lost; restore a newer copy`;
    throw new Error(`the witnessed checkpoint is of ${size} entries, the log has ${head.size}: ${lost}`);
  }
  return { size, note: head.witnessed.note };
}

function readAssets(items: readonly string[]): readonly AssetScale[] {
  try {
    return parseAssetScales(items);
  } catch (error) {
    throw new SettingsError(`${CONTROL_SETTINGS.assets.env}: ${(error as Error).message}`);
  }
}

function readWitnessUrls(value: unknown): Record<string, readonly string[]> {
  const ok = typeof value === 'object' && value !== null && !Array.isArray(value)
    && Object.values(value).every((list) => Array.isArray(list) && list.every((u) => typeof u === 'string' && URL.canParse(u)));
  if (!ok) {
    const { env, what } = CONTROL_SETTINGS.witnessUrls;
    throw new SettingsError(`${env}: expected ${what}, got ${JSON.stringify(value)?.slice(0, 200)}`);
  }
  return value as Record<string, readonly string[]>;
}

/** An adapter that lies in the data folder has nothing behind its name. */
function expectPlain(env: string, value: string, adapter: string): void {
  if (value !== adapter) throw new SettingsError(`${env}: expected ${adapter} and nothing behind it, got ${JSON.stringify(value)}`);
}

function metricsOf(status: ServiceStatus): Metric[] {
  const c = status.counts;
  const one = (name: string, type: NumberMetric['type'], help: string, value: number): Metric =>
    ({ name: `tidemark_global_${name}`, type, help, samples: [{ value }] });
  return [
    {
      name: 'tidemark_global_outcomes_total', type: 'counter', help: 'Outcomes written to the global log.', outlivesProcess: true,
      samples: [{ labels: { status: 'final' }, value: c['final']! }, { labels: { status: 'rejected' }, value: c['rejected']! }],
    },
    {
      name: 'tidemark_global_duplicates_total', type: 'counter', help: 'Outcomes of settlements that had one already.', outlivesProcess: true,
      samples: [{ value: c['duplicates']! }],
    },
    one('accounts', 'gauge', 'Accounts that exist.', c['accounts']!),
    one('log_size', 'gauge', 'Entries of the global log.', status.log.size),
    one('witnessed_size', 'gauge', 'Entries under the witnessed checkpoint.', c['witnessedSize']!),
    one('witnesses', 'gauge', 'Regions that cosign.', c['witnesses']!),
    one('queued_blocks', 'gauge', 'Blocks that wait to be applied.', c['queuedBlocks']!),
    one('waiting', 'gauge', 'Requests that wait for outcomes.', c['waiting']!),
    one('halted_nodes', 'gauge', 'Edge nodes of which nothing is applied any more.', c['haltedNodes']!),
    one('halted', 'gauge', '1 when the ledger takes nothing any more.', status.state === 'halted' ? 1 : 0),
  ];
}

if (import.meta.main) await runService('control-plane', CONTROL_SETTINGS, startControlPlane);
