/** A running control plane with fake regions and witnesses, for the tests of the service. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, expect } from 'vitest';
import { CONTROL_SETTINGS, type Sla, type Webhook } from '../../platform/index.ts';
import { decodeFrame, decodeGlobal, FRAME_TYPE, type OutcomeEntry } from '../protocol/index.ts';
import { createHttpClient, readSettings, type Answer, type Running, type Settings } from '../shell/index.ts';
import { bundleLeafHashes, decodeBundle, openCheckpoint, parseVerifier, verifyRange } from '../transparency/index.ts';
import { startControlPlane } from './main.ts';
import { encodeDecisions, fakePlatform, fakeWitness, frameOf, type Asked, type FakeBlock, type FakePlatform, type FakeRegion, type FakeWitness } from './testing.ts';

const TOKEN = 'f00d';
const client = createHttpClient();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export interface Bench {
  readonly platform: FakePlatform;
  readonly folder: string;
  readonly witnesses: readonly (readonly FakeWitness[])[];
  running: Running;
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown, token?: string): Promise<Answer>;
  put(path: string, body: unknown, token?: string): Promise<Answer>;
  block(block: FakeBlock): Promise<Answer>;
  restart(): Promise<void>;
  /** The witnessed checkpoint, once it covers so many entries. */
  witnessed(size: number): Promise<string>;
}

export interface Shape extends NonNullable<Parameters<typeof fakePlatform>[0]> {
  /** A quorum of them by default. */
  readonly witnessesPerRegion?: number;
  /** Instead of new ones: those of another bench. */
  readonly platform?: FakePlatform;
  readonly witnesses?: Bench['witnesses'];
  /** @default - none */
  readonly slas?: readonly Sla[];
  /** @default - none */
  readonly webhooks?: readonly Webhook[];
  readonly webhookSecrets?: Readonly<Record<string, string>>;
  /** The addresses that the control plane is told for the witnesses of the region of that number. */
  readonly listed?: (urls: readonly string[], region: number) => readonly string[];
}

export async function start(shape: Shape = {}): Promise<Bench> {
  const listed = shape.listed ?? ((urls) => urls);
  const asWitness = shape.witnessesPerRegion ?? shape.quorum ?? 2;
  const platform = shape.platform ?? fakePlatform(shape);
  const folder = mkdtempSync(join(tmpdir(), 'control-plane-'));
  cleanups.push(async () => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'trust.json'), JSON.stringify(platform.trustFile));
  writeFileSync(join(folder, 'key'), platform.global.skey);
  writeFileSync(join(folder, 'token'), TOKEN);
  const log = parseVerifier(platform.global.signer.vkey);
  const witnesses = shape.witnesses ?? await Promise.all(platform.regions.map((r) => Promise.all(r.replicas.slice(0, asWitness).map((s) => fakeWitness(s, log)))));
  if (shape.witnesses === undefined) for (const w of witnesses.flat()) cleanups.push(w.close);
  const settings = (): Settings<typeof CONTROL_SETTINGS> => readSettings(CONTROL_SETTINGS, {
    TIDEMARK_SITE: 'centre', TIDEMARK_DATA: folder, TIDEMARK_TRUST: join(folder, 'trust.json'), TIDEMARK_KEY: join(folder, 'key'),
    TIDEMARK_TOKEN_FILE: join(folder, 'token'), TIDEMARK_LOG_LEVEL: 'silent', TIDEMARK_ASSETS: 'EUR:2,USD:2,CHF',
    ...(shape.slas === undefined ? {} : { TIDEMARK_SLAS_CONTENT: JSON.stringify(shape.slas) }),
    ...(shape.webhooks === undefined ? {} : { TIDEMARK_WEBHOOKS: JSON.stringify(shape.webhooks), TIDEMARK_WEBHOOK_SECRETS_CONTENT: JSON.stringify(shape.webhookSecrets) }),
    TIDEMARK_WITNESS_URLS: JSON.stringify(Object.fromEntries(platform.regions.map((r, i) => [r.id, listed(witnesses[i]!.map((w) => w.url), i)]))),
  });
  const logger = pino({ level: 'silent' });
  const bench: Bench = {
    platform, folder, witnesses, running: await startControlPlane(settings(), logger),
    get: (path) => client.call(`${bench.running.url}${path}`),
    post: (path, body, token = TOKEN) => client.call(`${bench.running.url}${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), type: 'application/json', token }),
    put: (path, body, token = TOKEN) => client.call(`${bench.running.url}${path}`, { method: 'PUT', body: JSON.stringify(body), type: 'application/json', token }),
    block: (block) => client.call(`${bench.running.url}/v1/blocks`, { method: 'POST', body: frameOf(block), type: FRAME_TYPE }),
    async restart() {
      await bench.running.stop();
      bench.running = await startControlPlane(settings(), logger);
    },
    async witnessed(size) {
      for (;;) {
        const answer = await bench.get('/checkpoint');
        if (answer.status === 200 && openCheckpoint(answer.body, log).size >= size) return answer.body.toString();
        await new Promise(setImmediate);
      }
    },
  };
  cleanups.push(() => bench.running.stop());
  return bench;
}

// Tests look into answers of any shape.
// oxlint-disable-next-line typescript/no-explicit-any
export const json = (answer: Answer): any => JSON.parse(answer.body.toString());

export const open = async (bench: Bench, accounts: Record<string, string | null>, asset = 'EUR'): Promise<void> => {
  const answer = await bench.post('/v1/accounts', { accounts: Object.entries(accounts).map(([account, overdraftLimit]) => ({ account, asset, overdraftLimit })) });
  expect(json(answer).accounts.map((a: { status: number }) => a.status)).toEqual(Object.keys(accounts).map(() => 201));
};

export const pay = (id: string, debit: string, credit: string, amount: bigint, more: Partial<Asked> = {}): Asked => ({ id, debit, credit, amount, ...more });

/** Orders and sends everything that `region` has and the centre does not. */
export async function settle(bench: Bench, region: FakeRegion, node: string, asked: readonly Asked[]): Promise<Answer> {
  const { applied, size } = json(await bench.get(`/v1/regions/${region.id}`));
  await region.order(node, encodeDecisions(asked));
  return bench.block(await region.block(applied, size));
}

export interface Range { from: number; to: number; start: number; proof: string[] }

/** A node's outcomes, each verified against the checkpoint that came with them. */
export async function outcomesOf(bench: Bench, node: string, from: number, wait = 20_000): Promise<{ entries: OutcomeEntry[]; ranges: Range[]; checkpoint: string | null }> {
  const answer = await bench.get(`/v1/nodes/${node}/outcomes?from=${from}&wait=${wait}`);
  expect(answer.status).toBe(200);
  const { header, parts } = decodeFrame(answer.body);
  const ranges = header['outcomes'] as Range[];
  const note = header['checkpoint'] as string | null;
  let next = from;
  const entries = ranges.flatMap((range, i) => {
    expect(range.from).toBe(next);
    next = range.to;
    const { size, root } = openCheckpoint(note!, parseVerifier(bench.platform.global.signer.vkey));
    const { hashes, count } = bundleLeafHashes(parts[i]!);
    expect(count).toBe(range.to - range.from);
    verifyRange(hashes, range.start, size, range.proof.map((h) => Buffer.from(h, 'base64')), root);
    return decodeBundle(parts[i]!).map((e) => decodeGlobal(e) as OutcomeEntry);
  });
  return { entries, ranges, checkpoint: note };
}

