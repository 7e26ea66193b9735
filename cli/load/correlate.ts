/**
 * What clients measured beside what the edge nodes say of themselves. A client's time is the server's and the network's; what
 * is left over is a queue that the server does not see (accept backlog, the load generator's own processor), and that is told.
 */
import { emptyHistogram, fromJson, merge, quantile, subtract, type Histogram } from '../../services/telemetry/index.ts';
import type { EdgeClient } from '../../services/protocol/client.ts';
import type { ServiceStatus } from '../../services/protocol/status.ts';

export interface Snapshot {
  readonly node: string;
  readonly status: ServiceStatus;
}

export const snapshot = (edges: readonly EdgeClient[]): Promise<Snapshot[]> =>
  Promise.all(edges.map(async (edge) => {
    const status = await edge.status();
    return { node: status.id, status };
  }));

const PINGS = 15;

/** Median round trip of the smallest request. Milliseconds. */
export async function roundTripMs(url: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const before = performance.now();
    await (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(10_000) })).arrayBuffer();
    times.push(performance.now() - before);
  }
  return times.sort((a, b) => a - b)[Math.floor(PINGS / 2)]!;
}

export interface Agreement {
  readonly quantile: number;
  readonly clientMs: number | null;
  readonly serverMs: number | null;
  /** What the network may add. Milliseconds. */
  readonly allowedMs: number;
  readonly agree: boolean;
}

export interface Correlation {
  readonly acknowledgement: readonly Agreement[];
  /** Settlements that the nodes decided during the run; restarts of a node make it null. */
  readonly decided: number | null;
  /** Notes for people; empty when client and server agree. */
  readonly disagreements: readonly string[];
}

/** Scheduling of two processes on one machine, and the clock of each: below this nothing is a finding. Milliseconds. */
const SLACK_MS = 3;
const SLACK_SHARE = 0.25;

/** @param network median round trip by node. Milliseconds */
export function correlate(client: Histogram, before: readonly Snapshot[], after: readonly Snapshot[], network: number): Correlation {
  const server = emptyHistogram();
  let decided: number | null = 0;
  for (const { node, status } of after) {
    const earlier = before.find((b) => b.node === node)?.status;
    const [now, then] = [status.lag?.provisional, earlier?.lag?.provisional];
    if (now === undefined || then === undefined) continue;
    try {
      merge(server, subtract(fromJson(now), fromJson(then)));
      if (decided !== null) decided += status.log.size - (earlier?.log.size ?? 0);
    } catch {
      // The node was restarted in between: it counts from zero again.
      decided = null;
    }
  }
  const acknowledgement = [0.5, 0.95, 0.99].map((q): Agreement => {
    const [clientMs, serverMs] = [quantile(client, q), quantile(server, q)];
    const allowedMs = network + SLACK_MS + SLACK_SHARE * (serverMs ?? 0);
    return { quantile: q, clientMs, serverMs, allowedMs, agree: clientMs === null || serverMs === null || Math.abs(clientMs - serverMs) <= allowedMs };
  });
  const disagreements = acknowledgement.filter((a) => !a.agree).map((a) =>
    `p${a.quantile * 100} of the acknowledgement is ${a.clientMs!.toFixed(1)} ms at the clients and ${a.serverMs!.toFixed(1)} ms at the nodes, ${a.allowedMs.toFixed(1)} ms apart at most is `
    + `what the network explains: ${a.clientMs! > a.serverMs! ? 'requests wait where the nodes do not see them (connections, the load generator\'s own processor)' : 'the nodes also serve others, who wait longer'}`);
  return { acknowledgement, decided, disagreements };
}
