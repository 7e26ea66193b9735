/** The edge node put together: disk, mind, links to the region, HTTP API. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeDecision, decodeOutcomes, decodePolicy, STAGES, type Drift, type ServiceStatus, type Stage } from '../protocol/index.ts';
import {
  baseUrl, createHttpClient, createServer, readSigner, readTrust, startLoop, type EDGE_SETTINGS, type Logger,
  type Metric, type Running, type Settings,
} from '../shell/index.ts';
import { emptyHistogram, quantile, record, toJson, type Histogram } from '../telemetry/index.ts';
import { decodeBundle } from '../transparency/index.ts';
import { createAccountSource, QUERY_MAX } from './accounts.ts';
import { createEdgeCore } from './core/node.ts';
import { startDownlink, type ProvenOutcomes } from './downlink.ts';
import { createQueue } from './queue.ts';
import { createIntake, type Flush } from './intake.ts';
import { createLink } from './link.ts';
import { addRoutes } from './routes.ts';
import { openEdgeStore, type CachedRow } from './store.ts';
import { startUplink } from './uplink.ts';

/** Accounts kept in memory; the others wait on disk. */
const ACCOUNTS_MAX = 200_000;
/** An account in use is confirmed anew when nothing was heard of it for this long. */
const REFRESH_AFTER_MS = 5_000;
/** A node that was just started waits this long for the region before it serves on its own. */
const STARTUP_GRACE_MS = 10_000;
const REPLAY_CHUNK = 4_096;
/** Outcomes after which what they say of accounts is saved: random rows, so it is done seldom and for many at once. */
const SAVE_ACCOUNTS_EVERY = 50_000;
const INCIDENTS_MAX = 100;

export async function startEdgeNode(settings: Settings<typeof EDGE_SETTINGS>, logger: Logger): Promise<Running> {
  const node = settings.site;
  const trust = readTrust(settings.trust);
  const signer = readSigner(settings.key);
  const region = [...trust.regions.values()].find((r) => r.nodes.has(node));
  if (region === undefined) throw new Error(`${settings.trust}: no region has a node ${node}`);
  if (region.nodes.get(node)!.name !== signer.name) throw new Error(`${settings.key}: is the key of ${signer.name}, node ${node} signs as ${region.nodes.get(node)!.name}`);
  const policyText = readFileSync(settings.policy, 'utf8').trim();
  const policy = decodePolicy(policyText);

  const now = (): number => performance.timeOrigin + performance.now();
  const startedAt = now();
  let settledUnsaved = 0;
  const store = openEdgeStore(join(settings.data, 'edge.db'));
  const core = createEdgeCore(policy, store.finalSize());
  store.savePolicy(core.policyDigest, policyText);
  /** Accounts whose state in memory is newer than on disk. */
  const dirty = new Set<string>();
  for (const range of store.unsavedRanges()) {
    decodeOutcomes(range.entries).forEach((outcome, i) => {
      recall(outcome.instruction.debitAccount);
      recall(outcome.instruction.creditAccount);
      for (const account of core.learnOutcome(outcome, range.start + i, range.at)) dirty.add(account);
    });
  }
  saveDirty();
  for (let first = core.finalSize(); first < store.log.size; first += REPLAY_CHUNK) {
    const chunk = decodeBundle(store.log.entries(first, Math.min(store.log.size, first + REPLAY_CHUNK)));
    for (const bytes of chunk) {
      const entry = decodeDecision(bytes);
      recall(entry.instruction.debitAccount);
      recall(entry.instruction.creditAccount);
      core.replay(entry);
    }
  }

  /** From memory, or from disk into memory. */
  function recall(account: string): boolean {
    if (core.account(account) !== undefined) return true;
    const row = store.account(account);
    if (row === undefined) return false;
    core.restoreAccount(row.state, row.confirmedAt);
    return true;
  }

  function makeRoom(): void {
    if (core.accountCount() <= ACCOUNTS_MAX) return;
    saveDirty();
    core.evict(ACCOUNTS_MAX * 0.9);
  }

  /** What is not saved is learned again from the outcomes at the next start; this bounds how many those are. */
  function saveDirty(): void {
    const rows = [...dirty].map((account) => core.account(account)).filter((a) => a !== undefined);
    store.saveAccountsAt(rows, core.finalSize());
    dirty.clear();
    settledUnsaved = 0;
  }

  const incidents: { at: number; kind: string; detail: string }[] = [];
  let halted: string | null = null;
  function incident(kind: string, detail: string): void {
    if (incidents.at(-1)?.kind === kind && incidents.at(-1)?.detail === detail) return;
    incidents.push({ at: Math.floor(now()), kind, detail });
    if (incidents.length > INCIDENTS_MAX) incidents.shift();
    logger.error({ kind, detail }, 'incident');
  }
  function halt(kind: string, detail: string): void {
    halted ??= `${kind}: ${detail}`;
    incident(kind, detail);
  }

  // ---- figures ----
  const lag = Object.fromEntries(STAGES.map((s) => [s, emptyHistogram()])) as Record<Stage, Histogram>;
  const counts = { accepted: 0, refused: 0, offline: 0, final: 0, rejected: 0, reversed: 0 };
  const drift = { compared: 0, drifted: 0, amount: new Map<string, bigint>(), amountMax: new Map<string, bigint>(), reversedAmount: new Map<string, bigint>() };
  /** Commits of this life whose entries are not final yet, oldest first. */
  const underWay = createQueue<Flush & { orderedAt: number | null }>();
  /** How many of them, from the oldest on, are ordered. */
  let orderedCommits = 0;
  let orderedSize = Math.max(store.orderedSize(), core.finalSize());

  const http = createHttpClient();
  const link = createLink(settings.regionUrls, policy.offlineAfterMs);
  const accounts = createAccountSource(link, http, trust, now, recall, (states, askedAt) => {
    const learned: CachedRow[] = [];
    for (const state of states) {
      // It may hold debits of ours that are still reserved here, and would then count twice; their outcomes bring it up to date.
      if (core.account(state.account) !== undefined && core.reserved(state.account) > 0n) continue;
      core.learn(state, askedAt);
      learned.push(core.account(state.account)!);
    }
    if (learned.length > 0) store.saveAccounts(learned);
    makeRoom();
  });

  const intake = createIntake(core, store, now, () => link.connected(now()), recall, (flush) => {
    underWay.push({ ...flush, orderedAt: null });
    counts.accepted += flush.count - flush.refused;
    counts.refused += flush.refused;
    counts.offline += flush.offline;
    uplink.wake();
  }, (error) => {
    logger.fatal({ err: error }, 'the log could not be written or read');
    halt('storage-failed', (error as Error).message);
  });

  const uplink = startUplink({
    node, signer, store, link, http, logger, now, halt, incident, orderedSize: () => orderedSize, quorum: region.quorum, halted: () => halted !== null,
  });

  function onOrdered(size: number): void {
    const time = now();
    orderedSize = size;
    store.saveOrdered(size, time);
    uplink.ordered();
    for (let f = underWay.at(orderedCommits); f !== undefined && f.first + f.count <= size; f = underWay.at(orderedCommits)) {
      f.orderedAt = time;
      record(lag.ordered, Math.max(0, time - f.decidedAt), f.count);
      orderedCommits += 1;
    }
  }

  function onOutcomes(proven: readonly ProvenOutcomes[]): void {
    const time = now();
    // First checked, then stored, then believed: at no point is memory ahead of the disk.
    core.check(proven.flatMap((p) => p.outcomes));
    store.settle(proven.map((p) => p.range));
    for (const { range, outcomes } of proven) {
      // What is proven final is ordered as well, whether or not word of the order came first.
      if (range.to > orderedSize) onOrdered(range.to);
      outcomes.forEach((outcome, i) => {
        const { asset, amount } = outcome.instruction;
        const effect = core.settle(outcome, range.start + i, time);
        counts[outcome.status] += 1;
        if (effect.drift !== null) {
          drift.compared += 1;
          if (effect.drift !== 0n) {
            const size = effect.drift < 0n ? -effect.drift : effect.drift;
            drift.drifted += 1;
            drift.amount.set(asset, (drift.amount.get(asset) ?? 0n) + size);
            if (size > (drift.amountMax.get(asset) ?? 0n)) drift.amountMax.set(asset, size);
          }
        }
        if (effect.reversed) {
          counts.reversed += 1;
          drift.reversedAmount.set(asset, (drift.reversedAmount.get(asset) ?? 0n) + amount);
        }
        for (const account of effect.changed) dirty.add(account);
      });
    }
    settledUnsaved += proven.reduce((n, p) => n + p.outcomes.length, 0);
    if (settledUnsaved >= SAVE_ACCOUNTS_EVERY) saveDirty();
    for (let f = underWay.at(0); f !== undefined && f.first + f.count <= core.finalSize(); f = underWay.at(0)) {
      underWay.shift();
      orderedCommits -= 1;
      // The centre has signed what came of it, so it was in reach after the decision.
      link.heard(f.decidedAt);
      record(lag.final, Math.max(0, time - (f.orderedAt ?? time)), f.count);
      record(lag.whole, Math.max(0, time - f.receivedAt), f.count);
    }
    makeRoom();
  }

  const downlink = startDownlink({
    node, region: region.id, trust, link, http, logger, now,
    waitMs: Math.max(100, Math.min(5_000, Math.floor(policy.offlineAfterMs / 3))),
    orderedSize: () => orderedSize, finalSize: core.finalSize,
    logSize: () => store.log.size, halted: () => halted !== null,
    onAccepted: (size, url) => uplink.regionHas(size, url), onOrdered,
    onRolledBack: (detail) => halt('log-rolled-back', detail),
    onOutcomes(proven) {
      try {
        onOutcomes(proven);
      } catch (error) {
        // The disk does not take it, or the centre proves outcomes of another log than ours: going on would only hide it.
        halt('outcomes-not-applied', (error as Error).message);
        throw error;
      }
    },
    onLie: (detail) => incident('unproven', detail),
  });

  /** A sign of life of the centre, and with it accounts in use of which nothing was heard for a while, and new ones. */
  const heartbeatMs = Math.max(50, Math.floor(policy.offlineAfterMs / 4));
  const heartbeat = startLoop(async () => {
    const time = now();
    const stale = core.staleAccounts(time - 60_000, time - REFRESH_AFTER_MS, QUERY_MAX);
    return await accounts.refresh(stale) ? 0 : heartbeatMs;
  }, () => heartbeatMs);

  const notReady = (): string | null => halted
    ?? (link.connected(now()) || now() - startedAt > STARTUP_GRACE_MS ? null : 'waiting for the first word from the region');

  function status(): ServiceStatus {
    const time = now();
    const pending = core.pendingCount();
    const oldest = underWay.at(0);
    const asText = (m: Map<string, bigint>): Record<string, string> => Object.fromEntries([...m].map(([k, v]) => [k, v.toString()]));
    const driftNow: Drift = {
      compared: drift.compared, drifted: drift.drifted, amount: asText(drift.amount), amountMax: asText(drift.amountMax),
      reversed: counts.reversed, reversedAmount: asText(drift.reversedAmount),
    };
    return {
      id: node, tier: 'edge', region: region!.id,
      state: halted !== null ? 'halted' : link.connected(time) ? 'ready' : 'disconnected',
      log: { origin: signer.name, size: store.log.size },
      counts: { ...counts, queued: intake.queued(), sent: uplink.sent(), ordered: orderedSize, settled: core.finalSize() },
      provisional: {
        count: pending, offline: core.pendingOffline(), oldestMs: oldest === undefined ? 0 : Math.floor(time - oldest.decidedAt),
        ratio: store.log.size === 0 ? 0 : pending / store.log.size,
      },
      lag: Object.fromEntries(STAGES.map((s) => [s, toJson(lag[s])])),
      drift: driftNow, incidents,
    };
  }

  function metrics(): Metric[] {
    const gauge = (name: string, help: string, value: number): Metric => ({ name: `tidemark_edge_${name}`, help, type: 'gauge', samples: [{ value }] });
    return [
      gauge('log_size', 'Entries in this node\'s log.', store.log.size),
      gauge('pending', 'Entries without a known outcome.', core.pendingCount()),
      gauge('pending_offline', 'Of those, decided offline.', core.pendingOffline()),
      gauge('connected', '1 while the centre is in reach through the region.', link.connected(now()) ? 1 : 0),
      gauge('queued', 'Settlements waiting for a commit.', intake.queued()),
      { name: 'tidemark_edge_settlements_total', help: 'Settlements by what became of them, since the start.', type: 'counter', samples: Object.entries(counts).map(([result, value]) => ({ labels: { result }, value })) },
      {
        name: 'tidemark_edge_lag_milliseconds', help: 'Settlement lag by stage.', type: 'summary',
        samples: STAGES.flatMap((stage) => [
          ...[0.5, 0.95, 0.99].map((q) => ({ labels: { stage, quantile: String(q) }, value: quantile(lag[stage], q) ?? Number.NaN })),
          { labels: { stage }, suffix: '_sum', value: lag[stage].sum }, { labels: { stage }, suffix: '_count', value: lag[stage].count },
        ]),
      },
    ];
  }

  const server = await createServer({
    name: `Tidemark edge node ${node}`, description: 'Settles at once, durably; see docs/protocol.md.', logger, notReady, metrics,
  });
  addRoutes(server, {
    node, signer, core, store, intake, accounts, link, now, recall, orderedSize: () => orderedSize, halted: () => halted,
    onAnswered: (n, ms) => {
      if (n > 0) record(lag.provisional, ms, n);
    },
  });
  server.get('/v1/status', { schema: { tags: ['operations'] } }, async () => status());
  await server.listen({ host: settings.host, port: settings.port });
  const url = baseUrl(server);
  logger.info({ url, size: store.log.size, pending: core.pendingCount() }, 'edge node listens');

  return {
    url,
    async stop() {
      await server.close();
      await Promise.all([uplink.stop(), downlink.stop(), heartbeat.stop()]);
      await http.close();
      saveDirty();
      store.close();
    },
  };
}
