/**
 * A real platform in a folder of its own, clients that retry until they are answered, and an audit of everything at the end: all
 * logs downloaded, recomputed and held against what clients were told (`../check.ts`).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlatform, toPolicy, type Platform } from '../../platform/index.ts';
import { startLocalPlatform, type LocalPlatform, type LocalSite, type RunState } from '../../services/local/index.ts';
import {
  createControlClient, createEdgeClient, createRegionClient, type BatchItem, type ControlClient, type EdgeClient, type LogClient,
} from '../../services/protocol/client.ts';
import { Problem, type AccountState, type Instruction, type ServiceStatus } from '../../services/protocol/index.ts';
import { readFileContent, readTrust } from '../../services/shell/index.ts';
import { witnessedBy, type Trust } from '../../services/transparency/index.ts';
import {
  bundlePath, decodeBundle, openCheckpoint, openCheckpointWithQuorum, TILE_WIDTH, tilePath, type Checkpoint,
} from '../../services/transparency/index.ts';
import { check, type Acknowledged, type LogView } from '../check.ts';
import { createLog, type MemoryLog } from '../simulation/memory-log.ts';
import type { Rng } from '../simulation/rng.ts';

export const ASSET = 'EUR';
export const OFFLINE_AFTER_MS = 1_000;

/** Two regions, one of them with three replicas, two edge nodes in each. */
export const smallPlatform = (): Platform => definePlatform({
  name: 'end-to-end', origin: 'e2e.example', assets: [{ code: ASSET, scale: 2 }],
  controlPlane: { location: 'eu-central-1' },
  regions: [
    {
      id: 'eu', location: 'eu-central-1', replicas: 3,
      edges: [{ id: 'eu-a', location: 'eu-central-1' }, { id: 'eu-b', location: 'eu-central-1' }],
    },
    {
      id: 'us', location: 'us-east-1', replicas: 1,
      edges: [{ id: 'us-a', location: 'us-east-1' }, { id: 'us-b', location: 'us-east-1' }],
    },
  ],
  witnessQuorum: 1,
  policy: {
    offlineAfterMs: OFFLINE_AFTER_MS, maxStalenessMs: 3_600_000, offlinePerAccount: { [ASSET]: '1000' },
      offlinePerNode: { [ASSET]: '5000' },
  },
  wan: { enabled: false },
});

/** Everything that clients asked for, and what they were told. */
export interface Book {
  readonly issued: Map<string, Instruction[]>;
  readonly acknowledged: Acknowledged[];
}

export interface Places {
  readonly controlUrl: string;
  /** Region -> its replicas. */
  readonly regionUrls: Readonly<Record<string, readonly string[]>>;
  /** Edge node -> its URL. */
  readonly edgeUrls: Readonly<Record<string, string>>;
}

function placesOf(controlUrl: string, sites: readonly LocalSite[]): Places {
  const regionUrls: Record<string, string[]> = {};
  for (const site of sites) if (site.tier === 'region') (regionUrls[site.region!] ??= [])[site.replica!] = site.url;
  return { controlUrl, regionUrls, edgeUrls: Object.fromEntries(sites.filter((s) => s.tier === 'edge').map((s) => [s.id,
    s.url])) };
}

export interface Stage {
  readonly folder: string;
  readonly model: Platform;
  readonly platform: () => LocalPlatform;
  readonly trust: Trust;
  readonly control: () => ControlClient;
  readonly edge: (id: string) => EdgeClient;
  readonly edgeIds: readonly string[];
  readonly book: Book;
  /** Where everything is reached now. */
  readonly places: () => Places;
  /** Stops the platform. */
  readonly down: () => Promise<void>;
  /** Starts it again on the same folder. */
  readonly up: () => Promise<void>;
  /** Uses one that somebody else has started on the folder. */
  readonly use: (state: RunState) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openStage(model: Platform = smallPlatform()): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-e2e-'));
  const start = (): Promise<LocalPlatform> => startLocalPlatform(model, { dataDir: folder, portBase: 0, wan: 'off',
    logLevel: 'warn' });
  let platform = await start();
  let places = placesOf(platform.controlUrl, platform.sites);
  const clients = new Map<string, LogClient>();
  const once = <T extends LogClient>(url: string, make: () => T): T => {
    if (!clients.has(url)) clients.set(url, make());
    return clients.get(url) as T;
  };
  async function moveTo(next: Places): Promise<void> {
    places = next;
    const old = [...clients.values()];
    clients.clear();
    await Promise.all(old.map((c) => c.close()));
  }
  return {
    folder, model,
    platform: () => platform,
    places: () => places,
    trust: readTrust(readFileContent(join(folder, 'trust.json'), 'trust')),
    control: () => once(places.controlUrl, () => createControlClient(places.controlUrl, { token: readFileSync(join(folder,
      'token'), 'utf8').trim() })),
    edge: (id) => once(places.edgeUrls[id]!, () => createEdgeClient(places.edgeUrls[id]!, { timeoutMs: 5_000 })),
    edgeIds: Object.keys(places.edgeUrls),
    book: { issued: new Map(), acknowledged: [] },
    down: () => platform.stop(),
    async up() {
      platform = await start();
      await moveTo(placesOf(platform.controlUrl, platform.sites));
    },
    use: (state) => moveTo(placesOf(state.controlUrl, state.sites)),
    async close() {
      await moveTo(places);
      await platform.stop(3_000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks until it holds. @throws Error naming what did not come true in time, and what was seen last */
export async function until<T>(what: string, ms: number, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const deadline = performance.now() + ms;
  let last = '';
  for (;;) {
    try {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
    } catch (error) {
      last = ` (${(error as Error).message})`;
    }
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}${last}`);
    await pause(20);
  }
}

/** Ten thousand cents to everyone, so that nothing is refused for want of money unless a test wants it. */
export async function openAccounts(stage: Stage, users: readonly string[]): Promise<void> {
  const opened = await stage.control().openAccounts([
    { account: 'bank', asset: ASSET, overdraftLimit: null },
      ...users.map((account) => ({ account, asset: ASSET, overdraftLimit: '0' })),
  ]);
  const wrong = opened.filter((o) => o.status > 201);
  if (wrong.length > 0) throw new Error(`accounts not opened: ${JSON.stringify(wrong)}`);
}

export const instruction = (id: string, debitAccount: string, creditAccount: string, amount: number): Instruction =>
  ({ id, asset: ASSET, debitAccount, creditAccount, amount: BigInt(amount) });

/** Sends a batch until every item is answered, at the edge node that `where` names for each try. */
export async function settle(
  stage: Stage, where: string | ((attempt: number) => string), instructions: readonly Instruction[], patienceMs = 60_000,
): Promise<readonly BatchItem[]> {
  const { book } = stage;
  for (const s of instructions) {
    const known = book.issued.get(s.id) ?? [];
    if (!known.some((k) => k.amount === s.amount && k.debitAccount === s.debitAccount && k.creditAccount === s.creditAccount)) {
      book.issued.set(s.id, [...known, s]);
    }
  }
  let attempt = 0;
  return until(`an answer to ${instructions[0]!.id} and ${instructions.length - 1} more`, patienceMs, async () => {
    const node = typeof where === 'string' ? where : where(attempt);
    attempt += 1;
    const answer = await send(stage.places().edgeUrls[node]!, instructions);
    if (answer === null) return null;
    answer.forEach((item, i) => {
      if (item.status > 201) return;
      const { id, index, leaf } = item as BatchItem & { index: number; leaf: string; id: string };
      book.acknowledged.push({ id, index, leaf, node, conflict: false, instruction: instructions[i]! });
    });
    return answer;
  });
}

/** One try; null when it has to be sent again. */
async function send(url: string, instructions: readonly Instruction[]): Promise<readonly BatchItem[] | null> {
  const body = JSON.stringify({
    settlements: instructions.map((s) => ({ ...s, amount: s.amount.toString() })),
  });
  try {
    const response = await fetch(`${url}/v1/settlements`, {
      method: 'POST', body, headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(5_000),
    });
    const text = await response.text();
    if (response.status >= 500 || response.status === 429) return null;
    if (response.status !== 200) throw new Problem(response.status, 'unexpected', text.slice(0, 300));
    const { settlements } = JSON.parse(text) as { settlements: BatchItem[] };
    if (settlements.length !== instructions.length) {
      throw new Problem(502, 'bad-answer', `${settlements.length} answers to ${instructions.length}`);
    }
    return settlements;
  } catch (error) {
    if (error instanceof Problem) throw error;
    return null;
  }
}

/** Random transfers between users, and from the bank. */
export function transfers(rng: Rng, users: readonly string[], prefix: string, n: number): Instruction[] {
  return Array.from({ length: n }, (_, i) => {
    const debit = rng.chance(0.5) ? 'bank' : rng.pick(users);
    return instruction(`${prefix}-${i}`, debit, rng.pick(users.filter((u) => u !== debit)), rng.between(1, 100));
  });
}

const countsOf = (s: ServiceStatus): Readonly<Record<string, number>> => s.counts;

/** Resolves when nothing is under way any more on any tier. */
export async function drained(stage: Stage, ms = 30_000): Promise<void> {
  await until('everything final on all tiers', ms, async () => {
    const edges = await Promise.all(stage.edgeIds.map((id) => statusOf(stage.places().edgeUrls[id]!)));
    const open = edges.filter((s) => countsOf(s)['settled'] !== s.log.size);
    if (open.length > 0) {
      throw new Error(
        open.map((s) => `${s.id}: ${countsOf(s)['settled']} of ${s.log.size} final, ${s.state}, `
          + JSON.stringify(s.incidents.slice(0, 2))).join('; '),
      );
    }
    const centre = await statusOf(stage.places().controlUrl);
    if (countsOf(centre)['unwitnessed'] !== 0) {
      throw new Error(`the centre has ${countsOf(centre)['unwitnessed']} entries without witness`);
    }
    for (const [region, urls] of Object.entries(stage.places().regionUrls)) {
      const replicas = await Promise.all(urls.map(statusOf));
      const sizes = new Set(replicas.flatMap((r) => [r.log.size, countsOf(r)['quorumSize']!]));
      if (sizes.size > 1) {
        throw new Error(
          `region ${region}: ${replicas.map((r) => `replica ${r.replica} at ${r.log.size}, quorum ${countsOf(r)['quorumSize']},
            ${r.state}`).join('; ')}`,
        );
      }
    }
    return true;
  });
}

export async function statusOf(url: string): Promise<ServiceStatus> {
  const response = await fetch(`${url}/v1/status`, { signal: AbortSignal.timeout(2_000) });
  if (!response.ok) throw new Error(`${url}/v1/status: ${response.status}`);
  return await response.json() as ServiceStatus;
}

/** A whole log, from its tiles; every tile of it is compared with what the entries make. @throws Error */
async function download(client: LogClient, open: (note: string) => Checkpoint): Promise<{ log: MemoryLog; note: string | null }> {
  const note = await client.checkpoint();
  if (note === null) return { log: createLog(), note };
  const { size, root } = open(note);
  const entries: Buffer[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    entries.push(...decodeBundle(await client.file(bundlePath(index, width))));
  }
  const log = createLog(entries);
  if (entries.length !== size) throw new Error(`${client.url}: ${entries.length} entries, its checkpoint says ${size}`);
  if (size > 0 && Buffer.compare(log.rootAt(size), root) !== 0) {
    throw new Error(`${client.url}: the entries do not make the root of its checkpoint of size ${size}`);
  }
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const tile = await client.file(tilePath(0, index, width));
    if (Buffer.compare(tile, log.tile(0, index, width)) !== 0) {
      throw new Error(`${client.url}: tile 0/${index} is not what the entries make`);
    }
  }
  return { log, note };
}

/** Checkpoints taken on the way; each has to be one of the final log. */
export type Witnessed = { readonly size: number; readonly note: string }[];

export async function noteWitnessed(stage: Stage, into: Witnessed): Promise<void> {
  const note = await stage.control().checkpoint();
  if (note !== null) into.push({ size: openCheckpoint(note, stage.trust.global).size, note });
}

/** Downloads everything and checks it. @returns what is wrong */
export async function audit(stage: Stage,
  witnessed: Witnessed = []): Promise<{ violations: string[]; offline: number; rejected: number; duplicates: number }> {
  const { trust } = stage;
  const violations: string[] = [];
  const allReplicas = [...trust.regions.values()].flatMap((r) => r.replicas);
  const global = await download(stage.control(), (note) => {
    const checkpoint = openCheckpointWithQuorum(note, trust.global, allReplicas, 1);
    if (witnessedBy(trust, checkpoint.cosigners).length < trust.witnessQuorum) {
      throw new Error('the global checkpoint is not witnessed');
    }
    return checkpoint;
  });
  const accounts = new Map<string, { asset: string; balance: bigint; }>();
  for (let after: string | undefined; ;) {
    const page = await stage.control().accounts(after, 1_000);
    for (const a of page.accounts) {
      accounts.set(a.account, { asset: a.asset, balance: BigInt(a.balance) });
      if (a.pending !== '0' || a.posted !== a.balance) {
        violations.push(`${a.account}: ${a.pending} pending after everything was witnessed`);
      }
    }
    if (page.next === null) break;
    after = page.next;
  }
  const edges = new Map<string, { log: LogView; pending: number; reserved: (a: string) => bigint; known: AccountState[] }>();
  for (const region of trust.regions.values()) {
    for (const [id, verifier] of region.nodes) {
      const client = stage.edge(id);
      const { log } = await download(client, (note) => openCheckpoint(note, verifier));
      const { provisional, state, incidents } = await client.status();
      if (state === 'halted') violations.push(`${id} is ${state}: ${JSON.stringify(incidents)}`);
      const reserved = new Map<string, bigint>();
      const known: AccountState[] = [];
      for (const account of accounts.keys()) {
        const a = await client.account(account);
        reserved.set(account, BigInt(a.reserved));
        known.push(
          { account, asset: a.asset, balance: BigInt(a.balance),
            overdraft: a.overdraftLimit === null ? null : BigInt(a.overdraftLimit), asOf: a.asOf },
        );
      }
      edges.set(id, { log, pending: provisional!.count, reserved: (a) => reserved.get(a) ?? 0n, known });
    }
  }
  const replicas = new Map<string, { log: LogView }>();
  const applied = new Map<string, number>();
  for (const region of trust.regions.values()) {
    for (const [n, url] of stage.places().regionUrls[region.id]!.entries()) {
      const client = createRegionClient(url);
      try {
        replicas.set(
          `${region.id}/${n}`, await download(client, (note) =>
            openCheckpointWithQuorum(note, region.log, region.replicas, region.quorum)),
        );
        const { incidents, state } = await client.status();
        if (state === 'halted') violations.push(`${region.id}/${n} is ${state}: ${JSON.stringify(incidents)}`);
      } finally {
        await client.close();
      }
    }
    const answer = await (await fetch(`${stage.places().controlUrl}/v1/regions/${region.id}`)).json() as { applied: number };
    applied.set(region.id, answer.applied);
  }
  if (global.note !== null) witnessed.push({ size: global.log.size(), note: global.note });
  const figures = check({
    trust, policy: toPolicy(stage.model), issued: stage.book.issued, acknowledged: stage.book.acknowledged, witnessed, edges,
      replicas,
    centre: { log: global.log, accounts, applied: (region) => applied.get(region) ?? 0 },
  }, (what) => void (violations.length < 20 && violations.push(what)));
  return { violations, ...figures };
}
