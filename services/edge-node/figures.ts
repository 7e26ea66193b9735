/**
 * What the node counts: settlements by what became of them, their lag by stage, drift, probes, SLAs. Since its start for
 * /v1/status and /metrics, and since the last telemetry window for the tiers above. Counting costs the same per commit, however
 * many settlements are in it.
 */
import type { Sla } from '../../platform/index.ts';
import { STAGES, type Drift, type OutcomeEntry, type ServiceStatus } from '../protocol/index.ts';
import type { Metric } from '../shell/index.ts';
import { addAmount, addShare, addSums, COUNTS, emptySums, isQuiet, peeringOf, PROVISIONAL_AGES_MS, record, toJson, type Gauges, type Sums } from '../telemetry/index.ts';
import { countByAge } from './core/ages.ts';
import { createJudge } from './core/judge.ts';
import { createMinutes } from './core/minutes.ts';
import type { OutcomeEffect } from './core/node.ts';
import { createPartitions, type Reach, type Word } from './core/partitions.ts';
import { createPeers, type Probe } from './core/peers.ts';
import { figureMetrics } from './figure-metrics.ts';
import type { Flush } from './intake.ts';
import { createQueue } from './queue.ts';

/** Up to where the log was counted, by log size: what must not be counted again after a restart. */
export interface Marks {
  readonly ordered: number;
  /** By SLA. */
  readonly slas: Readonly<Record<string, number>>;
}

/** A commit of an earlier life whose entries have no outcome yet. */
export interface Resumed {
  readonly first: number;
  readonly count: number;
  readonly refused: number;
  readonly decidedAt: number;
  /** Null while it is not known to be ordered. */
  readonly orderedAt: number | null;
}

/** How the node stands towards the centre. */
export interface Standing {
  /** Null while the node had no time to find out. */
  readonly connected: boolean | null;
  readonly logSize: number;
  readonly finalSize: number;
}

export interface Figures {
  /** A request was answered. */
  readonly answered: (count: number, lagMs: number) => void;
  /** A client's request was answered, well or not. */
  readonly requested: (good: boolean) => void;
  /** A probe of another site came back, or did not. */
  readonly probed: (probe: Probe) => void;
  /** A commit is on disk. */
  readonly decided: (flush: Flush) => void;
  /** At start, before anything else, in order. */
  readonly resume: (commits: readonly Resumed[], marks: Marks | null) => void;
  /** The log is ordered up to `size`. */
  readonly orderedUpTo: (size: number, time: number) => void;
  readonly settled: (outcome: OutcomeEntry, effect: OutcomeEffect) => void;
  /** Everything before `size` has its outcome. @returns when the youngest commit that is wholly settled with it was decided, or null */
  readonly finalUpTo: (size: number, time: number) => number | null;
  /** The centre has signed something; before anything that it says is counted. @param standing without it */
  readonly heard: (word: Word, time: number, standing: Standing) => void;
  /** Once a second, and whenever word from the centre came. */
  readonly tick: (time: number, standing: Standing) => void;
  /** What was counted since it was taken last, and up to where; followed by `kept` or `putBack`. */
  readonly take: () => { readonly sums: Sums; readonly marks: Marks };
  /** What was taken is kept. */
  readonly kept: () => void;
  /** What was taken could not be kept: it counts as part of the next window. */
  readonly putBack: () => void;
  /** How things stand. */
  readonly provisional: (time: number) => Pick<Gauges, 'provisional' | 'provisionalRatio' | 'provisionalAgeMs' | 'provisionalByAge'>;
  /** How the ways to the sites probed stand; undefined while nothing is known of any. */
  readonly peers: () => Gauges['peers'];
  readonly counts: () => Readonly<Record<string, number>>;
  /** Whether nothing but probes and requests was counted in the open window. */
  readonly quiet: () => boolean;
  /** When the oldest entry without outcome was decided. */
  readonly oldestAt: () => number | null;
  readonly lag: () => NonNullable<ServiceStatus['lag']>;
  readonly drift: () => Drift;
  readonly metrics: (gauges: Gauges) => readonly Metric[];
}

export interface FiguresOptions {
  readonly slas: readonly Sla[];
  readonly node: string;
  readonly region: string;
  /** How the node starts towards the centre. */
  readonly reach: Reach;
}

interface UnderWay extends Flush {
  orderedAt: number | null;
  /** Accepted in the commits before it. */
  readonly before: number;
}

export function createFigures(o: FiguresOptions): Figures {
  const judge = createJudge(o.slas, o.node, o.region);
  const minutes = createMinutes(judge.worst);
  const peers = createPeers();
  /** Since the start, without what is in the other two: the open window, and one that was taken and is not kept yet. */
  const total = emptySums();
  let window = emptySums();
  let outgoing: Sums | null = null;
  /** SLA counts that were taken. */
  const taken = new Map<string, { events: number; good: number }>();
  const amountMax = new Map<string, bigint>();
  /** Commits whose entries are not final yet, oldest first. */
  const underWay = createQueue<UnderWay>();
  /** How many of them, from the oldest on, are ordered. */
  let orderedCommits = 0;
  /** Log size that is counted as ordered. */
  let orderedCounted = 0;
  /** Accepted in all commits that ever were under way in this life. */
  let acceptedUpTo = 0;
  /** Accepted in commits that are not ordered. */
  let provisional = 0;
  /** Partitions that are being reconciled: since when, and the SLAs that count it as bad already because its time is over. */
  const contacts = new Map<object, { readonly contactAt: number; readonly counted: Set<string> }>();
  const reconciliationSlas = judge.counts.filter(({ sla }) => sla.indicator === 'reconciliation');

  const partitions = createPartitions(o.reach, (partition, contactAt) => contacts.set(partition, { contactAt, counted: new Set() }), (partition, ms) => {
    record(window.reconciliation, ms);
    const contact = contacts.get(partition);
    if (contact !== undefined) judgeContact(contact.counted, ms, true);
    contacts.delete(partition);
  });

  function judgeContact(counted: Set<string>, ms: number, isOver: boolean): void {
    for (const c of reconciliationSlas) {
      const good = ms <= c.sla.thresholdMs!;
      if (counted.has(c.sla.id) || (good && !isOver)) continue;
      counted.add(c.sla.id);
      c.events += 1;
      if (good) c.good += 1;
    }
  }

  /** Age of the oldest provisional settlement. Milliseconds. */
  function provisionalAge(time: number): number {
    if (provisional === 0) return 0;
    for (let place = orderedCommits; ; place += 1) {
      const f = underWay.at(place);
      if (f === undefined) return 0;
      if (f.count > f.refused) return Math.max(0, time - f.decidedAt);
    }
  }

  /** As `PROVISIONAL_AGES_MS` tells them apart. */
  const provisionalByAge = (time: number): number[] =>
    countByAge(underWay.size() - orderedCommits, (place) => underWay.at(orderedCommits + place)!, acceptedUpTo, PROVISIONAL_AGES_MS, time);

  function push(flush: Flush, orderedAt: number | null): void {
    underWay.push({ ...flush, orderedAt, before: acceptedUpTo });
    acceptedUpTo += flush.count - flush.refused;
  }

  const provisionalRatio = (): number => (provisional === 0 ? 0 : Math.min(1, provisional / Math.max(provisional, minutes.lastHour())));

  function since(): Sums {
    const all = emptySums();
    for (const part of [total, outgoing, window]) if (part !== null) addSums(all, part);
    return all;
  }

  function ordered(f: UnderWay, time: number): void {
    const lag = Math.max(0, time - f.decidedAt);
    f.orderedAt = time;
    record(window.lag.ordered, lag, f.count);
    judge.reached('ordering', orderedCommits, f, time);
    if (f.count > f.refused) minutes.see('provisional-age', lag);
    provisional -= f.count - f.refused;
    orderedCommits += 1;
    orderedCounted = f.first + f.count;
  }

  return {
    answered(count, lagMs) {
      if (count === 0) return;
      record(window.lag.provisional, lagMs, count);
      judge.took('provisional-ack', lagMs, count);
    },

    requested: (good) => judge.event('availability', good),

    probed(probe) {
      const { to, rttMs } = probe;
      const peering = peeringOf(window, to);
      peering.sent += 1;
      if (rttMs === null) peering.lost += 1;
      else record(peering.rtt, rttMs);
      const jitterMs = peers.probed(probe);
      if (jitterMs !== null) record(peering.jitter, jitterMs);
      // The SLAs are about the way up, which settlements take.
      if (to !== o.region) return;
      judge.took('peering-rtt', rttMs ?? Infinity, 1);
      minutes.probe(rttMs === null);
    },

    decided(flush) {
      push(flush, null);
      window.counts.accepted += flush.count - flush.refused;
      window.counts.refused += flush.refused;
      window.counts.offline += flush.offline;
      provisional += flush.count - flush.refused;
      minutes.accepted(flush.count - flush.refused);
    },

    resume(commits, marks) {
      orderedCounted = marks?.ordered ?? 0;
      // Before there were marks, everything that had happened was counted in that life.
      const isCounted = (f: Flush, size: number | undefined): boolean => marks === null || f.first + f.count <= (size ?? 0);
      const judged: Record<string, number> = {};
      for (const c of commits) {
        const f = { ...c, receivedAt: c.decidedAt, offline: 0 };
        push(f, c.orderedAt);
        for (const { sla } of judge.counts) if (marks !== null && isCounted(f, marks.slas[sla.id])) judged[sla.id] = underWay.size();
      }
      let known = 0;
      while (underWay.at(known)?.orderedAt != null && isCounted(underWay.at(known)!, marks?.ordered)) known += 1;
      orderedCommits = known;
      judge.restore(judged, known);
      for (let f = underWay.at(orderedCommits); f !== undefined && f.orderedAt !== null; f = underWay.at(orderedCommits)) {
        provisional += f.count - f.refused;
        ordered(f, f.orderedAt);
      }
      for (let place = orderedCommits; ; place += 1) {
        const f = underWay.at(place);
        if (f === undefined) break;
        provisional += f.count - f.refused;
      }
    },

    orderedUpTo(size, time) {
      for (let f = underWay.at(orderedCommits); f !== undefined && f.first + f.count <= size; f = underWay.at(orderedCommits)) ordered(f, time);
    },

    settled(outcome, effect) {
      const { asset, amount } = outcome.instruction;
      window.counts[outcome.status] += 1;
      if (effect.drift !== null) {
        const { drift } = window;
        drift.compared += 1;
        judge.event('cache-drift', effect.drift === 0n);
        if (effect.drift !== 0n) {
          const size = effect.drift < 0n ? -effect.drift : effect.drift;
          drift.drifted += 1;
          addAmount(drift.amount, asset, size);
          record(drift.time, Math.max(0, effect.believedMs));
          if (size > (amountMax.get(asset) ?? 0n)) amountMax.set(asset, size);
        }
      }
      if (effect.reversed) {
        window.counts.reversed += 1;
        addAmount(window.drift.reversedAmount, asset, amount);
      }
    },

    finalUpTo(size, time) {
      let youngest: number | null = null;
      for (let f = underWay.at(0); f !== undefined && f.first + f.count <= size; f = underWay.at(0)) {
        // What is final is ordered as well.
        if (f.orderedAt === null) ordered(f, time);
        judge.reached('finality', 0, f, time);
        underWay.shift();
        judge.shifted();
        orderedCommits -= 1;
        youngest = f.decidedAt;
        record(window.lag.final, Math.max(0, time - (f.orderedAt ?? time)), f.count);
        record(window.lag.whole, Math.max(0, time - f.receivedAt), f.count);
      }
      return youngest;
    },

    heard(word, time, { connected, logSize, finalSize }) {
      // A node may have been cut off since it looked last.
      if (connected !== null) partitions.observe(connected, time, finalSize);
      partitions.heard(word, logSize, finalSize);
    },

    tick(time, { connected, finalSize }) {
      judge.overdue(underWay.at, time);
      if (connected !== null) partitions.observe(connected, time, finalSize);
      for (const { contactAt, counted } of contacts.values()) judgeContact(counted, time - contactAt, false);
      minutes.see('provisional-age', provisionalAge(time));
      minutes.stillProvisional(provisional);
      minutes.tick(time);
    },

    take() {
      const sums = window;
      for (const { sla, events, good } of judge.counts) {
        const before = taken.get(sla.id) ?? { events: 0, good: 0 };
        if (events > before.events) addShare(sums.slas, sla.id, { events: events - before.events, good: good - before.good });
        taken.set(sla.id, { events, good });
      }
      outgoing = sums;
      window = emptySums();
      const sizes = Object.entries(judge.marks()).map(([id, commits]) => {
        const last = underWay.at(commits - 1);
        return [id, last === undefined ? 0 : last.first + last.count] as const;
      });
      return { sums, marks: { ordered: orderedCounted, slas: Object.fromEntries(sizes) } };
    },

    kept() {
      if (outgoing !== null) addSums(total, outgoing);
      outgoing = null;
    },

    putBack() {
      if (outgoing !== null) addSums(window, outgoing);
      outgoing = null;
    },

    provisional: (time) => ({ provisional, provisionalRatio: provisionalRatio(), provisionalAgeMs: Math.floor(provisionalAge(time)), ...(provisional === 0 ? {} : { provisionalByAge: provisionalByAge(time) }) }),
    peers() {
      const states = peers.states();
      return Object.keys(states).length === 0 ? undefined : states;
    },
    counts: () => Object.fromEntries(COUNTS.map((name) => [name, total.counts[name] + (outgoing?.counts[name] ?? 0) + window.counts[name]])),
    quiet: () => isQuiet(window),
    oldestAt: () => underWay.at(0)?.decidedAt ?? null,
    lag() {
      const { lag } = since();
      return Object.fromEntries(STAGES.map((s) => [s, toJson(lag[s])]));
    },
    drift() {
      const { drift, counts } = since();
      return {
        compared: drift.compared, drifted: drift.drifted, amount: asText(drift.amount), amountMax: asText(amountMax),
        reversed: counts.reversed, reversedAmount: asText(drift.reversedAmount),
      };
    },
    metrics: (gauges) => figureMetrics(since(), judge.counts, gauges),
  };
}

const asText = (amounts: ReadonlyMap<string, bigint>): Record<string, string> =>
  Object.fromEntries([...amounts].map(([asset, amount]) => [asset, amount.toString()]));
