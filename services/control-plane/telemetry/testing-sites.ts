/** Many sites for tests and benchmarks: what their edge nodes and regions tell the centre about simulated hours, with real keys and signatures. */
import { emptySums, peeringOf, record, signDelta, signSum, sumOf, type Delta, type Sums } from '../../telemetry/index.ts';
import { fakePlatform, ORIGIN, type FakePlatform } from '../testing.ts';
import type { TelemetryRequest } from './ingest.ts';

/** Deltas in one request of a region. */
const PORTION = 125;
/** Other sites that each probes. */
const PEERS = 4;

export interface ManySites {
  readonly platform: FakePlatform;
  /** What all nodes tell about the window that ends at `to`, as their regions pass it on. Times in milliseconds since 1970. */
  tell(from: number, to: number): AsyncGenerator<TelemetryRequest>;
}

export interface ManySitesOptions {
  readonly regions: number;
  /** Of each region. */
  readonly nodes: number;
  /** Settlements that a node counts in a window. */
  readonly events: number;
  /** SLAs that its events count for. */
  readonly slas: readonly string[];
}

/** Fractions that lie evenly in [0, 1) and are the same in every run: the golden ratio's multiples (Weyl, 1916). */
const spread = (n: number): number => (n * 0.6180339887498949) % 1;

/** Of times as they spread in earnest: most of them near the node's own level, a few many times that. */
const timeOf = (levelMs: number, n: number): number => levelMs * (0.6 + spread(n) + 0.05 / (1.002 - spread(n * 7 + 3)));

export function createManySites(o: ManySitesOptions): ManySites {
  const platform = fakePlatform({ regions: o.regions, nodes: o.nodes });
  const all = platform.regions.flatMap((r) => [...r.nodes.keys()]);
  let seq = 0;

  function sumsOf(place: number): Sums {
    const sums = emptySums();
    const level = 4 + 8 * spread(place);
    for (let i = 0; i < o.events; i += 1) {
      const n = seq * o.events + i + place * 13;
      const [provisional, ordered, final] = [timeOf(level / 8, n), timeOf(level, n + 1), timeOf(level * 2, n + 2)];
      record(sums.lag.provisional, provisional);
      record(sums.lag.ordered, ordered);
      record(sums.lag.final, final);
      record(sums.lag.whole, provisional + ordered + final);
    }
    sums.counts.accepted = o.events;
    sums.counts.final = o.events;
    sums.drift.compared = o.events;
    const bad = spread(seq + place) < 0.1 ? 1 : 0;
    for (const sla of o.slas) sums.slas.set(sla, { events: o.events, good: o.events - bad });
    for (let k = 1; k <= PEERS; k += 1) {
      const peering = peeringOf(sums, all[(place + k) % all.length]!);
      peering.sent = 5;
      for (let i = 0; i < 5; i += 1) record(peering.rtt, timeOf(level, seq * 5 + i + k));
      for (let i = 0; i < 4; i += 1) record(peering.jitter, timeOf(level / 10, seq * 5 + i + k));
    }
    return sums;
  }

  return {
    platform,
    async* tell(from, to) {
      seq += 1;
      let place = 0;
      for (const region of platform.regions) {
        const nodes = [...region.nodes.values()];
        for (let first = 0; first < nodes.length; first += PORTION) {
          const portion = nodes.slice(first, first + PORTION);
          const deltas = portion.map(({ id }): Delta => ({
            origin: ORIGIN, node: id, region: region.id, seq, acknowledged: seq - 1, from, to, sums: sumsOf(place++),
            gauges: { state: 'ready', provisional: 2, provisionalRatio: 0.001, provisionalAgeMs: 12, queued: 3, logSize: seq * o.events },
          }));
          yield {
            region: region.id, sum: await signSum(sumOf(ORIGIN, region.id, to, deltas), region.logSigner),
            deltas: await Promise.all(deltas.map((d, i) => signDelta(d, portion[i]!.signer))),
          };
        }
      }
    },
  };
}
