/**
 * What the centre's telemetry takes with many sites: every delta with its signatures through the service's own intake, over simulated
 * hours; then a month's rollups, and the questions that people and dashboards ask of them.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Sla } from '../platform/index.ts';
import { indicators, series } from '../services/control-plane/telemetry/indicators.ts';
import { createIngest } from '../services/control-plane/telemetry/ingest.ts';
import { sitesNow } from '../services/control-plane/telemetry/live.ts';
import { reportHtml } from '../services/control-plane/telemetry/report.ts';
import { createReport } from '../services/control-plane/telemetry/routes.ts';
import { askedScope, duration, rangeOf } from '../services/control-plane/telemetry/scope.ts';
import { instancesOf, slaStatusInTurns } from '../services/control-plane/telemetry/sla.ts';
import { openTelemetryStore } from '../services/control-plane/telemetry/store.ts';
import { createManySites } from '../services/control-plane/telemetry/testing-sites.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export interface SitesOptions {
  readonly sites: number;
  readonly hours: number;
  /** Of simulated time from one delta of a node to the next. Milliseconds. */
  readonly windowMs: number;
  /** Days whose rollups the questions find. */
  readonly days: number;
  readonly dir?: string;
}

export interface Question {
  readonly what: string;
  /** Processor time of the process, its helpers for memory included. */
  readonly seconds: number;
  /** Of it, the most in a stretch in which nothing else had a turn. Milliseconds. */
  readonly blockedMs: number;
  /** Of the answer. */
  readonly bytes: number;
}

export interface SitesReport {
  readonly sites: number;
  readonly deltas: number;
  readonly deltaBytes: number;
  /** Processor time of this process for one delta: taken apart, verified, stored, added up. Microseconds. */
  readonly deltaMicros: number;
  /** After each simulated hour, collected. */
  readonly heapMib: readonly number[];
  readonly diskBytesPerDelta: number;
  readonly peakMib: number;
  readonly questions: readonly Question[];
}

const sla = (id: string, more: Partial<Sla>): Sla =>
  ({ id, indicator: 'finality', objective: 0.999, thresholdMs: 500, windowDays: 30, scope: 'global', severity: 'page', owner: 'bench', runbook: 'runbooks/finality.ts', ...more });
export const SLAS: readonly Sla[] = [
  sla('finality', {}), sla('ordering', { indicator: 'ordering', scope: 'region' }), sla('ack', { indicator: 'provisional-ack', scope: 'site' }),
];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heapMib = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

export async function measureSites(o: SitesOptions, say: (line: string) => void): Promise<SitesReport> {
  const folder = mkdtempSync(join(o.dir ?? tmpdir(), 'tidemark-bench-sites-'));
  const path = join(folder, 'telemetry.db');
  const nodes = Math.min(o.sites, 50);
  const many = createManySites({ regions: Math.ceil(o.sites / nodes), nodes, events: 60, slas: SLAS.map((s) => s.id) });
  const { trust, global } = many.platform;
  let store = openTelemetryStore(path);
  try {
    // The 1st of a month, so that the days before it are a whole one.
    let now = Date.UTC(2026, 9, 1);
    const began = now;
    const ingest = createIngest({ trust, signer: global.signer, store, ledger: { keepEvidence: async () => undefined }, onIncident: () => undefined, now: () => now });
    const heap: number[] = [];
    let [deltas, bytes, micros] = [0, 0, 0];
    for (let hour = 1; hour <= o.hours; hour += 1) {
      while (now < began + hour * HOUR_MS) {
        const from = now;
        now += o.windowMs;
        for await (const request of many.tell(from, now)) {
          const before = process.cpuUsage();
          await ingest.take(request);
          const { user, system } = process.cpuUsage(before);
          micros += user + system;
          deltas += request.deltas.length;
          bytes += request.deltas.reduce((sum, d) => sum + d.length, 0);
        }
      }
      heap.push(heapMib());
      say(`hour ${hour}: ${deltas} deltas, heap ${heap.at(-1)!.toFixed(1)} MiB`);
    }
    store.close();
    const disk = statSync(path).size / deltas;
    say(`rollups of ${o.days} days`);
    repeat(path, now, o.days);
    store = openTelemetryStore(path);

    const instances = instancesOf(SLAS, trust);
    const context = { trust, slas: SLAS, store, incidents: { during: () => ({ total: 0, incidents: [] }) }, now: () => now };
    const last = new Date(began - 1).toISOString().slice(0, 7);
    const questions: Question[] = [];
    let peak = 0;
    const ask = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      collect();
      // In processor time, which is the same on a busy machine. Whatever else the service does could have had a turn whenever the watch was called.
      const spent = (): number => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1_000;
      };
      const started = spent();
      let [turn, blocked] = [started, 0];
      const look = (): void => {
        const time = spent();
        [turn, blocked] = [time, Math.max(blocked, time - turn)];
      };
      const watch = setInterval(() => {
        look();
        peak = Math.max(peak, process.memoryUsage().heapUsed / 2 ** 20);
      }, 1);
      const answer = await work();
      look();
      clearInterval(watch);
      const seconds = (spent() - started) / 1_000;
      questions.push({ what, seconds, blockedMs: blocked, bytes: JSON.stringify(answer).length });
      say(`${what}: ${seconds.toFixed(2)} s of processor time, nothing else had a turn for ${blocked.toFixed(0)} ms of it`);
    };
    const sight = { trust, latest: ingest.latest };
    const everywhere = askedScope(trust, 'global');
    for (const window of ['5m', '1h', '24h', '30d']) {
      await ask(`indicators?scope=global&window=${window}`, () => indicators(store, everywhere, rangeOf(duration('window', window), now), sight));
    }
    await ask('indicators?scope=site:r0-n0&window=30d', () => indicators(store, askedScope(trust, 'site:r0-n0'), rangeOf(30 * DAY_MS, now), sight));
    await ask('series?scope=global&window=24h&step=15m', () => series(store, everywhere, rangeOf(DAY_MS, now), 15 * MINUTE_MS));
    await ask('sla', () => slaStatusInTurns(store, instances, now));
    await ask(`sla/report?month=${last}`, async () => reportHtml(await createReport(context, last)));
    await ask('live', async () => JSON.stringify(sitesNow(trust, ingest.latest, now)));
    return { sites: o.sites, deltas, deltaBytes: bytes / deltas, deltaMicros: micros / deltas, heapMib: heap, diskBytesPerDelta: disk, peakMib: peak, questions };
  } finally {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rollups of the days before, as they would be after so long: those of the last hour again, in each minute, hour and day that a question reads. */
function repeat(path: string, now: number, days: number): void {
  const db = new DatabaseSync(path);
  try {
    db.exec('PRAGMA synchronous = OFF');
    const copy = (grain: string, ms: number, from: number, to: number): void => {
      const last = (db.prepare('SELECT max(at) AS at FROM rollup WHERE grain = ?').get(grain) as { at: number }).at;
      for (const table of ['rollup (grain, at, node, region, body) SELECT grain, ?, node, region, body FROM rollup', 'sla_count (sla, grain, at, node, events, good) SELECT sla, grain, ?, node, events, good FROM sla_count']) {
        const insert = db.prepare(`INSERT OR IGNORE INTO ${table} WHERE grain = ? AND at = ?`);
        db.exec('BEGIN');
        for (let at = Math.floor(from / ms) * ms; at < to; at += ms) insert.run(at, grain, last);
        db.exec('COMMIT');
      }
    };
    copy('day', DAY_MS, now - days * DAY_MS, now);
    copy('hour', HOUR_MS, now - DAY_MS, now);
    copy('hour', HOUR_MS, now - 31 * DAY_MS, now - 29 * DAY_MS);
    copy('minute', MINUTE_MS, now - 2 * HOUR_MS, now);
    copy('minute', MINUTE_MS, now - 25 * HOUR_MS, now - 23 * HOUR_MS);
    copy('minute', MINUTE_MS, now - 30 * DAY_MS - HOUR_MS, now - 30 * DAY_MS + HOUR_MS);
  } finally {
    db.close();
  }
}
