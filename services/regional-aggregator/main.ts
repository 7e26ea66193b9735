/** The regional aggregator: one replica of a region. Settings: platform/services.ts; wire: docs/protocol.md. */
import { join } from 'node:path';
import { REGION_SETTINGS } from '../../platform/index.ts';
import { replicaName } from '../protocol/index.ts';
import {
  baseUrl, createHttpClient, createServer, createTracer, readAll, readOtlp, readSigner, readTls, readTrust, runService, serveLog, SettingsError, startOtlp,
  type HttpClient, type Logger, type Running, type Settings,
} from '../shell/index.ts';
import { startAgreement } from './agreement.ts';
import { startCentre } from './centre.ts';
import { startForwarder } from './forwarder.ts';
import { createIngress } from './ingress.ts';
import { createRelay, POLLS_NODE_MAX } from './relay.ts';
import { createRepair } from './repair.ts';
import { startReplica } from './replica.ts';
import { addRoutes, metricsOf, type Region } from './routes.ts';
import { openSqliteStream } from './sqlite-stream.ts';
import { openRegionStore } from './store.ts';
import { createTelemetryRelay } from './telemetry.ts';
import { createRegionTracing } from './tracing.ts';

/** A client of `createHttpClient` has 64 connections: no node's polls keep those of another from having one. */
const NODES_PER_CLIENT = 64 / POLLS_NODE_MAX;

export type RegionSettings = Settings<typeof REGION_SETTINGS>;

function streamPath(setting: string): string {
  const path = /^sqlite:(.+)$/.exec(setting)?.[1];
  if (path === undefined) throw new SettingsError(`${REGION_SETTINGS.stream.env}: expected sqlite:<path>, got ${JSON.stringify(setting)}`);
  return path;
}

/**
 * Starts a replica; it serves until stopped.
 *
 * @throws SettingsError when settings, keys and trust.json do not fit together
 */
export async function startRegion(settings: RegionSettings, logger: Logger): Promise<Running> {
  const { trust, replicaSigner, regionSigner, tls, path, target } = readAll({
    trust: () => readTrust(settings.trust), replicaSigner: () => readSigner(settings.key),
    regionSigner: () => readSigner(settings.regionKey), tls: () => readTls(settings), path: () => streamPath(settings.stream),
    target: () => readOtlp(settings),
  });
  const region = trust.regions.get(settings.site);
  const me = settings.replica;
  if (region === undefined) {
    throw new SettingsError(
      `${REGION_SETTINGS.site.env}: region ${settings.site} is not in ${settings.trust.source}; `
      + `it has ${[...trust.regions.keys()].join(', ')}`,
    );
  }
  const ownKey = region.replicas[me];
  if (ownKey === undefined) {
    throw new SettingsError(
      `${REGION_SETTINGS.replica.env}: region ${region.id} has ${region.replicas.length} replicas, counted from 0; there is no replica ${me}`,
    );
  }
  if (replicaSigner.vkey !== ownKey.vkey) {
    throw new SettingsError(`${settings.key.source}: is not the key of replica ${me}, which is ${replicaName(region.id, me)}, in ${settings.trust.source}`);
  }
  if (regionSigner.vkey !== region.log.vkey) {
    throw new SettingsError(`${settings.regionKey.source}: is not the log key of region ${region.id} in ${settings.trust.source}`);
  }
  const alone = region.replicas.length === 1;
  if (!alone && settings.peerUrls.length !== region.replicas.length) {
    throw new SettingsError(
      `${REGION_SETTINGS.peerUrls.env}: expected the URLs of all ${region.replicas.length} replicas, `
      + `got ${settings.peerUrls.length}`,
    );
  }

  const now = Date.now;
  const elapsed = (): number => performance.now();
  const store = openRegionStore(join(settings.data, 'region.sqlite'));
  const stream = openSqliteStream({ path, shared: !alone });
  // Apart, so that long polls never keep a block or a cosignature waiting for a connection.
  const newClient = (): HttpClient => createHttpClient(tls);
  const [http, peerHttp] = [newClient(), newClient()];
  const pollHttp = Array.from({ length: Math.max(1, Math.ceil(region.nodes.size / NODES_PER_CLIENT)) }, newClient);
  const nodeNumbers = new Map([...region.nodes.keys()].map((node, i) => [node, i]));
  const name = `${region.id}/${me + 1}`;
  const otlp = startOtlp({ target, service: 'regional-aggregator', instance: name, attributes: { 'tidemark.region': region.id }, tls, logger, now });
  const tracer = createTracer({ ...otlp, logger });
  const tracing = createRegionTracing({ region: region.id, replica: name, tracer, now });
  const replica = startReplica({ region: region.id, store, stream, nodes: region.nodes, logger, now, tracing });
  const agreement = startAgreement({
    region: region.id, me, quorum: region.quorum, regionSigner, replicaSigner, regionVerifier: region.log, replicas: region.replicas,
    peerUrls: alone ? [] : settings.peerUrls, store, replica, lastSeq: () => stream.lastSeq(), http: peerHttp, logger, now,
  });
  agreement.onReached(() => tracing.reached(agreement.reached()?.size ?? 0));
  const centre = startCentre({ url: settings.controlUrl.replace(/\/$/, ''), region: region.id, http, elapsed });
  const repair = createRepair(store);
  const forwarder = startForwarder({
    me, trust, region: region.id, store, stream, replica, agreement, centre, repair, http, logger, elapsed,
  });
  const ingress = createIngress(
    {
      region: region.id, nodes: region.nodes, store, stream, replica, repair, backlogBytes: () => forwarder.backlogBytes(),
      logger, now, tracing,
    },
  );
  const relay = createRelay({
    store, agreement, centre, repair, logger,
    http: (node) => pollHttp[Math.floor((nodeNumbers.get(node) ?? 0) / NODES_PER_CLIENT)]!,
  });
  const telemetry = createTelemetryRelay({
    origin: trust.origin, trust: region, signer: regionSigner, centre, http: newClient(), logger, now,
  });
  const parts: Region = {
    me, trust: region, global: trust.global, replicaSigner, store, replica, agreement, centre, forwarder, ingress, relay, telemetry, tracing,
    http, now,
  };

  const server = await createServer({
    name: 'Tidemark regional aggregator', logger,
    description: 'Orders the batches of a region\'s edge nodes, agrees on it with its peers, passes it on, brings outcomes down.',
    notReady: () => replica.halted(),
    metrics: () => [...metricsOf(parts), ...otlp.metrics()],
    otlp, certificate: tls.certificate,
  });
  addRoutes(server, parts);
  serveLog(server, {
    checkpoint: () => agreement.reached()?.note ?? null,
    size: () => store.log.size,
    tile: (level, index, width) => store.log.readTile(level, index, width),
    bundle: (index, width) => store.log.bundle(index, width),
  });
  await server.listen({ host: settings.host, port: settings.port });

  return {
    url: baseUrl(server),
    async stop() {
      await relay.stop();
      await telemetry.stop();
      await server.close();
      await Promise.all([forwarder.stop(), centre.stop(), agreement.stop(), replica.stop()]);
      void tracer.flush();
      await otlp.stop();
      await Promise.all([http, peerHttp, ...pollHttp].map((client) => client.close()));
      await stream.close();
      store.flush();
      store.close();
    },
  };
}

if (import.meta.main) await runService('regional-aggregator', REGION_SETTINGS, startRegion);
