/** Sends the rows: in order, in batches, each edge node at its own pace, with bounded memory. */
import { BATCH_MAX, type Instruction } from '../../services/protocol/index.ts';
import type { BatchItem } from '../../services/protocol/client.ts';

export interface Outgoing {
  /** Position in the order of all that is sent: the cursor counts these. */
  readonly position: number;
  readonly edge: string;
  readonly instruction: Instruction;
}

/** Something to do when all that stands before it is answered, and nothing that stands behind it is sent. */
export interface Barrier {
  readonly barrier: () => Promise<void>;
}

export interface SendOptions {
  readonly edges: readonly string[];
  /** Sends one batch to an edge node; repeats it until it is answered. */
  readonly settle: (edge: string, batch: readonly Instruction[]) => Promise<readonly BatchItem[]>;
  /** Settlements in one request. */
  readonly batch: number;
  /** Settlements per second over all nodes; Infinity for as fast as it goes. */
  readonly rate: number;
  /** After each answered batch: how many are answered, and up to where without a gap. */
  readonly onAcknowledged: (answered: number, cursor: number) => void;
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
}

export interface Sent {
  accepted: number;
  /** Answered as known already. */
  repeated: number;
  /** Refused by the edge node's decision. */
  refused: number;
  offline: number;
  /** Not taken at all: the first of them, and how many. */
  failed: number;
  failures: { readonly id: string; readonly why: string }[];
}

const FAILURES_MAX = 20;
/** Batches that may wait for one node before the reader waits. */
const WAITING_BATCHES = 4;

/** @throws what `settle` throws for good */
export async function send(rows: AsyncIterable<Outgoing | Barrier>, o: SendOptions): Promise<Sent> {
  if (!(o.batch >= 1 && o.batch <= BATCH_MAX)) throw new Error(`batch: expected 1 to ${BATCH_MAX}, got ${o.batch}`);
  const now = o.now ?? ((): number => performance.now());
  const sleep = o.sleep ?? ((ms: number): Promise<void> => new Promise((resolve) => {
    setTimeout(resolve, ms);
  }));
  const sent: Sent = { accepted: 0, repeated: 0, refused: 0, offline: 0, failed: 0, failures: [] };
  const queues = new Map(o.edges.map((id): [string, Outgoing[]] => [id, []]));
  /** Per node, the position that it has to answer next: all before the least of them are answered. */
  const underWay = new Map<string, Outgoing[]>();
  const workers = new Map<string, Promise<void>>();
  let answered = 0;
  let read = 0;
  let error: Error | null = null;
  let wake: (() => void) | null = null;

  function cursor(): number {
    let least = read;
    for (const id of o.edges) {
      const first = underWay.get(id)?.[0] ?? queues.get(id)![0];
      if (first !== undefined && first.position < least) least = first.position;
    }
    return least;
  }

  async function work(edge: string): Promise<void> {
    const queue = queues.get(edge)!;
    while (queue.length > 0 && error === null) {
      const batch = queue.splice(0, o.batch);
      underWay.set(edge, batch);
      const items = await o.settle(edge, batch.map((b) => b.instruction));
      items.forEach((item, i) => note(item, batch[i]!));
      underWay.delete(edge);
      answered += batch.length;
      o.onAcknowledged(answered, cursor());
      wake?.();
    }
  }

  function note(item: BatchItem, row: Outgoing): void {
    if (!('state' in item)) {
      sent.failed += 1;
      if (sent.failures.length < FAILURES_MAX) {
        sent.failures.push({ id: row.instruction.id, why: `${item.problem.code}: ${item.problem.detail}` });
      }
      return;
    }
    if (item.status === 200) sent.repeated += 1;
    if (item.state === 'rejected') {
      sent.refused += 1;
      if (sent.failures.length < FAILURES_MAX) {
        sent.failures.push({ id: item.id, why: `refused at ${item.node}: ${item.reason ?? 'no reason given'}` });
      }
    } else if (item.status === 201) {
      sent.accepted += 1;
    }
    if (item.mode === 'offline') sent.offline += 1;
  }

  function start(edge: string): void {
    if (workers.has(edge)) return;
    workers.set(edge, work(edge).catch((e: unknown) => {
      error ??= e as Error;
    }).finally(() => {
      workers.delete(edge);
      wake?.();
      if (queues.get(edge)!.length > 0 && error === null) start(edge);
    }));
  }

  const started = now();
  let paced = 0;
  const drain = async (): Promise<void> => {
    for (const edge of o.edges) if (queues.get(edge)!.length > 0 && error === null) start(edge);
    while (workers.size > 0) await Promise.all(workers.values());
  };
  for await (const row of rows) {
    if (error !== null) break;
    if ('barrier' in row) {
      await drain();
      if (error === null) await row.barrier();
      continue;
    }
    read = row.position + 1;
    const queue = queues.get(row.edge);
    if (queue === undefined) throw new Error(`assertion: row for ${row.edge}, which is not among ${o.edges.join(', ')}`);
    queue.push(row);
    paced += 1;
    if (o.rate !== Infinity) {
      const ahead = started + (paced / o.rate) * 1_000 - now();
      if (ahead > 1) {
        start(row.edge);
        await sleep(ahead);
      }
    }
    if (queue.length >= o.batch) start(row.edge);
    while (queue.length >= o.batch * WAITING_BATCHES && error === null) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  await drain();
  if (error !== null) throw error as Error;
  return sent;
}
