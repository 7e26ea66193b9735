/** The edge node put together: disk, mind, links to the region, HTTP API. */
import { join } from 'node:path';
import { EDGE_SETTINGS } from '../../platform/index.ts';
import { decodeDecision, decodeOutcomes, decodePolicy, PARTS_PER_MILLION, type ServiceStatus } from '../protocol/index.ts';
import {
  baseUrl, createHttpClient, createRoundTrip, createServer, createTracer, parsed, readAll, readOtlp, readSigner, readTls, readTrust, SettingsError, startLoop, startOtlp,
  type Logger, type Metric, type Running, type Settings,
} from '../shell/index.ts';
import { parseSlas, type Gauges } from '../telemetry/index.ts';
import { decodeBundle } from '../transparency/index.ts';
import { createAccountSource, QUERY_MAX } from './accounts.ts';
import { createEdgeCore } from './core/node.ts';
import type { Word } from './core/partitions.ts';
import { startDownlink, type ProvenOutcomes } from './downlink.ts';
import { createFigures, type Resumed, type Standing } from './figures.ts';
import { createIncidents } from './incidents.ts';
import { createIntake } from './intake.ts';
import { createLink } from './link.ts';
import { parsePeers } from './peers-setting.ts';
import { startProber } from './prober.ts';
import { addRoutes, countRequests } from './routes.ts';
import { openEdgeStore, type CachedRow } from './store.ts';
import { startTelemetry } from './telemetry.ts';
import { openTelemetryStore } from './telemetry-store.ts';
import { createEdgeTracing } from './tracing.ts';
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

/**
 * Starts the node; it serves until stopped.
 *
 * @throws SettingsError when settings, key, policy and trust.json do not fit together
 */
export async function startEdgeNode(settings: Settings<typeof EDGE_SETTINGS>, logger: Logger): Promise<Running> {
  const node = settings.site;
  const { trust, signer, policy, slas, tls, otlp: target } = readAll({
    trust: () => readTrust(settings.trust), signer: () => readSigner(settings.key), tls: () => readTls(settings),
    policy: () => parsed(settings.policy, (text) => decodePolicy(text.trim())),
    slas: () => (settings.slas === undefined ? [] : parsed(settings.slas, parseSlas)),
    otlp: () => readOtlp(settings), traceRatio: () => checkRatio(settings.traceRatio),
  });
  const region = [...trust.regions.values()].find((r) => r.nodes.has(node));
  if (region === undefined) throw new SettingsError(`${settings.trust.source}: no region has a node ${node}`);
  const own = region.nodes.get(node)!;
  if (own.vkey !== signer.vkey) throw new SettingsError(`${settings.key.source}: is the key of ${signer.vkey}, node ${node} signs as ${own.vkey} in ${settings.trust.source}`);
  const peers = parsePeers(settings.peers, [node, region.id]);

  const now = (): number => performance.timeOrigin + performance.now();
  const startedAt = now();
  const otlp = startOtlp({ target, service: 'edge-node', instance: node, attributes: { 'tidemark.region': region.id }, tls, logger, now });
  const tracer = createTracer({ ...otlp, logger });
  const tracing = createEdgeTracing({
    node, region: region.id, tracer, now, partsPerMillion: settings.traceRatio, clientsPerSecond: settings.traceClients,
  });
  let settledUnsaved = 0;
  const store = openEdgeStore(join(settings.data, 'edge.db'));
  const core = createEdgeCore(policy, store.finalSize());
  store.savePolicy(core.policyDigest, settings.policy.text.trim());
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
  const orderedBefore = Math.max(store.orderedSize(), core.finalSize());
  /** Commits without outcome, as their entries' times tell them apart. */
  const underWay: (Resumed & { count: number; refused: number })[] = [];
  const tracesTold = store.tracesTold();
  for (let first = core.finalSize(); first < store.log.size; first += REPLAY_CHUNK) {
    const chunk = decodeBundle(store.log.entries(first, Math.min(store.log.size, first + REPLAY_CHUNK)));
    for (const [i, bytes] of chunk.entries()) {
      const entry = decodeDecision(bytes);
      const orderedAt = first + i < orderedBefore ? store.orderedAt(first + i) ?? null : null;
      let last = underWay.at(-1);
      if (last?.decidedAt !== entry.decidedAt || last.orderedAt !== orderedAt) {
        underWay.push(last = { first: first + i, count: 0, refused: 0, decidedAt: entry.decidedAt, orderedAt });
      }
      last.count += 1;
      if (entry.decision.result === 'refused') last.refused += 1;
      if (entry.trace !== undefined) {
        tracing.resume({ entry, index: first + i, receivedAt: entry.decidedAt }, orderedAt, first + i < tracesTold);
      }
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

  const { incident, halt, halted, list: incidents } = createIncidents(logger, now);
  const deltas = openTelemetryStore(join(settings.data, 'telemetry.db'));
  const figures = createFigures({ slas, node, region: region.id, reach: core.pendingOffline() > 0 ? 'cut-off' : store.log.size > 0 ? 'in-reach' : 'new' });
  figures.resume(underWay, deltas.last()?.marks ?? null);
  let orderedSize = orderedBefore;

  const http = createHttpClient(tls);
  const link = createLink(settings.regionUrls, policy.offlineAfterMs);
  const accounts = createAccountSource(link, http, trust, now, recall, (askedAt) => heard({ provenAt: askedAt, askedAt }, core.finalSize()), (states, askedAt) => {
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

  const intake = createIntake(core, store, now, () => link.connected(now()), recall, (flush, traced) => {
    figures.decided(flush);
    if (traced !== null) tracing.decided(traced);
    uplink.wake();
  }, (error) => {
    logger.fatal({ err: error }, 'the log could not be written or read');
    halt('storage-failed', (error as Error).message);
  }, tracing.sample);

  const uplink = startUplink({
    node, signer, store, link, http, logger, now, halt, incident, orderedSize: () => orderedSize, quorum: region.quorum, halted: () => halted() !== null,
  });

  function onOrdered(size: number): void {
    const time = now();
    orderedSize = size;
    store.saveOrdered(size, time);
    uplink.ordered();
    figures.orderedUpTo(size, time);
    tracing.orderedUpTo(size, time);
  }

  function onOutcomes(proven: readonly ProvenOutcomes[], askedAt: number): void {
    const time = now();
    const finalBefore = core.finalSize();
    // First checked, then stored, then believed: at no point is memory ahead of the disk.
    core.check(proven.flatMap((p) => p.outcomes));
    store.settle(proven.map((p) => p.range));
    for (const { range, outcomes } of proven) {
      // What is proven final is ordered as well, whether or not word of the order came first.
      if (range.to > orderedSize) onOrdered(range.to);
      tracing.settled(range.from, outcomes, time);
      outcomes.forEach((outcome, i) => {
        const effect = core.settle(outcome, range.start + i, time);
        figures.settled(outcome, effect);
        for (const account of effect.changed) dirty.add(account);
      });
    }
    settledUnsaved += proven.reduce((n, p) => n + p.outcomes.length, 0);
    if (settledUnsaved >= SAVE_ACCOUNTS_EVERY) saveDirty();
    const decidedAt = figures.finalUpTo(core.finalSize(), time);
    // The centre has signed what came of it, so it was in reach after the decision.
    if (decidedAt !== null) heard({ provenAt: decidedAt, askedAt }, finalBefore);
    look(time);
    makeRoom();
  }

  const downlink = startDownlink({
    node, region: region.id, trust, link, http, logger, now,
    waitMs: Math.max(100, Math.min(5_000, Math.floor(policy.offlineAfterMs / 3))),
    orderedSize: () => orderedSize, finalSize: core.finalSize,
    logSize: () => store.log.size, halted: () => halted() !== null,
    onAccepted: (size, url) => uplink.regionHas(size, url), onOrdered,
    onRolledBack: (detail) => halt('log-rolled-back', detail),
    onOutcomes(proven, askedAt) {
      try {
        onOutcomes(proven, askedAt);
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

  /** @param finalSize entries whose outcome was known before this word */
  function heard(word: Word, finalSize: number): void {
    const time = now();
    const before = standing(time, finalSize);
    figures.heard(word, time, before);
    link.heard(word.provenAt);
    if (before.connected !== true) look(time);
  }

  /** A node that was just started is not cut off before it had the time to find out. */
  const standing = (time: number, finalSize: number): Standing =>
    ({ connected: link.connected(time) || (time - startedAt <= policy.offlineAfterMs ? null : false), logSize: store.log.size, finalSize });

  function look(time: number): void {
    figures.tick(time, standing(time, core.finalSize()));
  }

  const gauges = (time: number): Gauges => ({
    state: nodeState(time), ...figures.provisional(time), queued: core.pendingCount(), logSize: store.log.size, ...waysOpen(),
  });
  const waysOpen = (): Pick<Gauges, 'peers'> => {
    const states = figures.peers();
    return states === undefined ? {} : { peers: states };
  };
  const nodeState = (time: number): Gauges['state'] =>
    (halted() !== null ? 'halted' : link.connected(time) ? 'ready' : 'disconnected');
  const telemetry = startTelemetry({
    node, region: region.id, trust, signer, store: deltas, figures, urls: settings.regionUrls, http: createHttpClient(tls), logger, now,
    windowMs: settings.telemetryWindow, tick: look, gauges, onIncident: incident,
  });
  const prober = startProber({
    targets: [{ site: region.id, urls: settings.regionUrls }, ...peers.map(({ site, url }) => ({ site, urls: [url] }))],
    open: (url) => createRoundTrip({ ...tls, url, now }), now, random: Math.random(), onProbe: figures.probed,
  });

  const notReady = (): string | null => halted()
    ?? (link.connected(now()) || now() - startedAt > STARTUP_GRACE_MS ? null : 'waiting for the first word from the region');

  function status(): ServiceStatus {
    const time = now();
    const pending = core.pendingCount();
    const oldestAt = figures.oldestAt();
    return {
      id: node, tier: 'edge', region: region!.id,
      state: nodeState(time),
      log: { origin: signer.name, size: store.log.size },
      counts: { ...figures.counts(), queued: intake.queued(), sent: uplink.sent(), ordered: orderedSize, settled: core.finalSize(), accounts: core.accountCount() },
      provisional: {
        count: pending, offline: core.pendingOffline(), oldestMs: oldestAt === null ? 0 : Math.floor(time - oldestAt),
        ratio: store.log.size === 0 ? 0 : pending / store.log.size,
      },
      lag: figures.lag(), drift: figures.drift(), incidents: incidents(),
    };
  }

  function metrics(): Metric[] {
    const gauge = (name: string, help: string, value: number): Metric => ({ name: `tidemark_edge_${name}`, help, type: 'gauge', samples: [{ value }] });
    return [
      gauge('log_size', 'Entries in this node\'s log.', store.log.size),
      gauge('pending', 'Entries without a known outcome.', core.pendingCount()),
      gauge('pending_offline', 'Of those, decided offline.', core.pendingOffline()),
      gauge('accounts', 'Accounts whose last known state is in memory.', core.accountCount()),
      gauge('connected', '1 while the centre is in reach through the region.', link.connected(now()) ? 1 : 0),
      gauge('queued', 'Settlements waiting for a commit.', intake.queued()),
      gauge('telemetry_waiting', 'Telemetry deltas that the centre has not acknowledged.', telemetry.waiting()),
      ...figures.metrics(gauges(now())), ...tracing.metrics(), ...otlp.metrics(),
    ];
  }

  const server = await createServer({
    name: `Tidemark edge node ${node}`, description: 'Settles at once, durably; see docs/protocol.md.', logger, notReady, metrics,
    otlp, certificate: tls.certificate,
  });
  countRequests(server, figures.requested);
  addRoutes(server, {
    node, signer, core, store, intake, accounts, link, now, recall, orderedSize: () => orderedSize, halted,
    onAnswered: figures.answered, tracing,
  });
  server.get('/v1/status', { schema: { tags: ['operations'] } }, async () => status());
  await server.listen({ host: settings.host, port: settings.port });
  const url = baseUrl(server);
  logger.info({ url, size: store.log.size, pending: core.pendingCount() }, 'edge node listens');

  return {
    url,
    async stop() {
      await server.close();
      await Promise.all([uplink.stop(), downlink.stop(), heartbeat.stop(), prober.stop()]);
      await telemetry.stop();
      // Not waited for: the exporter sends it while it stops.
      void tracer.flush();
      await otlp.stop();
      await http.close();
      saveDirty();
      store.saveTracesTold(store.log.size);
      store.close();
    },
  };
}

/** @throws SettingsError when it is no share */
function checkRatio(partsPerMillion: number): void {
  if (partsPerMillion <= PARTS_PER_MILLION) return;
  const { env, what } = EDGE_SETTINGS.traceRatio;
  throw new SettingsError(`${env}: expected at most ${PARTS_PER_MILLION}, got ${partsPerMillion} (${what})`);
}
