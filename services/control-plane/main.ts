/**
 * The global control plane: applies the regions' blocks to a double-entry ledger, writes every outcome to the global log,
 * and has the regions witness it. `core/` holds the rules; this file wires them to HTTP, storage and time.
 */
import { join } from 'node:path';
import { CONTROL_SETTINGS } from '../../platform/index.ts';
import { dashboardRoutes } from '../dashboard/serve.ts';
import { decodeGlobal, type ServiceStatus } from '../protocol/index.ts';
import {
  baseUrl, createHttpClient, createServer, parsed, readAll, readSigner, readTls, readTrust, requireToken, runService, serveLog, SettingsError,
  type Logger, type Metric, type Running, type Settings,
} from '../shell/index.ts';
import { parseSlas } from '../telemetry/index.ts';
import { decodeBundle, openCheckpoint, type Trust } from '../transparency/index.ts';
import { createApplier } from './applier.ts';
import { balancesBefore, createPending, type Move } from './core/pending.ts';
import { createOutcomes } from './outcomes.ts';
import { controlRoutes } from './routes.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Head, Incident, LedgerStore } from './store.ts';
import { createTelemetry } from './telemetry/index.ts';
import { createWitness, type Witnessed } from './witness.ts';

/** Incidents shown at /v1/status. */
const INCIDENTS_SHOWN = 20;
const RESTORE_STEP = 16_384;

/**
 * Starts the control plane; it serves until stopped.
 *
 * @throws SettingsError when settings, key and trust.json do not fit together
 */
export async function startControlPlane(settings: Settings<typeof CONTROL_SETTINGS>, logger: Logger): Promise<Running> {
  const now = Date.now;
  const { trust, signer, tls, urls, slas } = readAll({
    trust: () => readTrust(settings.trust), signer: () => readSigner(settings.key), tls: () => readTls(settings),
    urls: () => readWitnessUrls(settings.witnessUrls),
    slas: () => (settings.slas === undefined ? [] : parsed(settings.slas, parseSlas)),
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

  const pending = createPending(await balancesAt(store, witnessedSize, head.size));
  const unwitnessed = await store.rangesSince(witnessedSize);
  const incidents: Incident[] = [...await store.incidents(INCIDENTS_SHOWN)];
  const show = (incident: Incident): void => {
    logger.error({ kind: incident.kind }, incident.detail);
    incidents.unshift(incident);
    incidents.length = Math.min(incidents.length, INCIDENTS_SHOWN);
  };

  const applier = createApplier({
    store, head, now, witnessedSize: () => witness.witnessed()?.size ?? 0,
    onCommit(committed) {
      for (const effects of committed.effects) pending.applied(effects);
      outcomes.committed(committed);
      witness.wake();
    },
    onIncident: show,
  });
  const outcomes = createOutcomes({
    store, checkpoint: () => witness.witnessed(), unwitnessed,
    nodes: new Map(head.nodes.map((n) => [n.id, applier.nodeApplied(n.id)])),
  });
  const client = createHttpClient(tls);
  const record = (incident: Incident): void => {
    if (incidents[0]?.detail === incident.detail) return;
    show(incident);
    store.addIncident(incident).catch((error: unknown) => logger.error({ err: error }, 'incident not stored'));
  };
  const witness = createWitness({
    store, signer, trust, urls, client, logger, initial, size: applier.size,
    onRound: pending.roundStarted,
    onWitnessed(witnessed) {
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
      incidents,
    };
  };

  const telemetry = createTelemetry({
    folder: settings.data, trust, signer, slas, ledger: store, onIncident: show, logger, now,
    status: () => {
      const { state, log, counts } = status();
      return { state, log, counts };
    },
  });
  const server = await createServer({
    name: 'Tidemark control plane', description: 'The ledger and the global log: accounts, outcomes, checkpoints, proofs.',
    logger,
    notReady: applier.halted, metrics: () => [...metricsOf(status()), ...telemetry.metrics()], certificate: tls.certificate,
  });
  controlRoutes(server, {
    store, applier, outcomes, pending, signer, assets: settings.assets, trust, now, logger, witnessed: witness.witnessed,
    onIncident: show, requireToken: requireToken(settings.token),
  });
  telemetry.addRoutes(server);
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
      await telemetry.stop();
      await applier.stop();
      await witness.stop();
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
  const one = (name: string, type: Metric['type'], help: string, value: number): Metric =>
    ({ name: `tidemark_global_${name}`, type, help, samples: [{ value }] });
  return [
    {
      name: 'tidemark_global_outcomes_total', type: 'counter', help: 'Outcomes written to the global log.',
      samples: [{ labels: { status: 'final' }, value: c['final']! }, { labels: { status: 'rejected' }, value: c['rejected']! }],
    },
    one('duplicates_total', 'counter', 'Outcomes of settlements that had one already.', c['duplicates']!),
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
