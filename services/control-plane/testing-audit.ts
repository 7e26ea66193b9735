/** The audit export over a store and a log in memory, with real keys and a clock that stands still: for tests of the export and of its check. */
import { hash } from 'node:crypto';
import pino from 'pino';
import type { Sla } from '../../platform/index.ts';
import { encodeGlobal, type GlobalEntry } from '../protocol/index.ts';
import { createServer, type Server } from '../shell/index.ts';
import { emptySums, signDelta, signSum, sumOf, type Delta, type Signed, type Sums } from '../telemetry/index.ts';
import { addSignatures, consistencyProof, cosign, encodeBundle, rootAt, signCheckpoint } from '../transparency/index.ts';
import { auditRoutes, type AuditContext } from './telemetry/audit.ts';
import { instancesOf } from './telemetry/sla.ts';
import { openTelemetryStore, type TelemetryStore } from './telemetry/store.ts';
import { fakePlatform, memoryLog, ORIGIN, type FakePlatform } from './testing.ts';
import type { Witnessed } from './witness.ts';

/** Noon of some day. */
export const NOON = Date.UTC(2026, 10, 21, 12);
const SLAS: readonly Sla[] = (['global', 'region', 'site'] as const).map((scope) => (
  { id: `final-${scope}`, indicator: 'finality', objective: 0.99, thresholdMs: 100, windowDays: 30, scope, severity: 'page', owner: 'o', runbook: 'runbooks/x.ts' }));

export interface Counted {
  readonly node: string;
  readonly seq: number;
  /** End of the window, milliseconds since 1970. */
  readonly to: number;
  /** @default - when the window ended */
  readonly receivedAt?: number;
  readonly events?: number;
  readonly good?: number;
  /** Bytes that the delta takes beyond the usual, about. */
  readonly padding?: number;
}

export interface AuditStage {
  readonly platform: FakePlatform;
  readonly trustText: string;
  readonly store: TelemetryStore;
  readonly server: Server;
  /** As regions bring them; those that are known are not stored again. */
  tell(counted: readonly Counted[]): Promise<void>;
  /** Entries of the global log, written at these times; witnessed at once, unless told otherwise. */
  write(times: readonly number[], isWitnessed?: boolean): Promise<void>;
  export(query: string): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, unknown>>; readonly body: Buffer }>;
  close(): Promise<void>;
}

export async function auditStage(shape: { readonly now?: number; readonly wrap?: (store: TelemetryStore) => TelemetryStore } = {}): Promise<AuditStage> {
  const platform = fakePlatform();
  const trustText = JSON.stringify(platform.trustFile);
  const store = openTelemetryStore(':memory:');
  const log = memoryLog();
  const entries: Buffer[] = [];
  let witnessed: Witnessed | null = null;
  const ledger: AuditContext['ledger'] = {
    entries: async (first, end) => encodeBundle(entries.slice(first, end)),
    rootAt: async (size) => rootAt(size, log.readTile),
    consistencyProof: async (old, size) => consistencyProof(old, size, log.readTile),
  };
  const server = await createServer({ name: 't', description: 't', logger: pino({ level: 'silent' }), notReady: () => null, metrics: () => [] });
  auditRoutes(server, {
    trust: platform.trust, trustText, signer: platform.global.signer, store: shape.wrap?.(store) ?? store, ledger, instances: instancesOf(SLAS, platform.trust),
    witnessed: () => witnessed, size: () => entries.length, now: () => shape.now ?? NOON,
  });
  return {
    platform, trustText, store, server,
    async tell(counted) {
      for (const c of counted) {
        const region = platform.regions.find((r) => r.nodes.has(c.node))!;
        const value = deltaOf(c, region.id);
        const signed: Signed<Delta> = { value, note: await signDelta(value, region.nodes.get(c.node)!.signer) };
        store.add([signed], { region: region.id, note: await signSum(sumOf(ORIGIN, region.id, c.to, [value]), region.logSigner) }, c.receivedAt ?? c.to);
      }
    },
    async write(times, isWitnessed = true) {
      const written = times.map((at, i): Buffer => {
        const entry: GlobalEntry = { type: 'account', account: `a-${entries.length + i}`, asset: 'EUR', overdraft: null, at };
        return Buffer.from(encodeGlobal(entry));
      });
      entries.push(...written);
      log.append(written);
      if (!isWitnessed) return;
      const { signer } = platform.global;
      const note = await signCheckpoint({ origin: signer.name, size: log.tree.size, root: log.tree.root() }, signer);
      witnessed = { size: log.tree.size, note: addSignatures(note, await Promise.all(platform.regions[0]!.replicas.map((r) => cosign(note, r, NOON / 1_000)))) };
    },
    async export(query) {
      const { statusCode, headers, rawPayload } = await server.inject(`/v1/audit/export?${query}`);
      return { status: statusCode, headers, body: rawPayload };
    },
    async close() {
      await server.close();
      store.close();
    },
  };
}

export function deltaOf({ node, seq, to, events = 0, good = events, padding = 0 }: Counted, region: string): Delta {
  const sums: Sums = emptySums();
  for (const sla of SLAS) if (events > 0) sums.slas.set(sla.id, { events, good });
  for (let i = 0; i * 100 < padding; i += 1) sums.drift.amount.set(`A${hash('md5', String(i)).slice(0, 10).toUpperCase()}`, BigInt('9'.repeat(15)));
  sums.drift.compared = sums.drift.amount.size;
  return {
    origin: ORIGIN, node, region, seq, acknowledged: 0, from: to - 1, to, sums,
    gauges: { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 50 },
  };
}
