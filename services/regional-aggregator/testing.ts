/**
 * What the tests of this service share: keys, an edge node's log, a control plane that checks what it gets, replicas on free
 * ports.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { REGION_SETTINGS } from '../../platform/index.ts';
import { decodeBatch, decodeFrame, encodeFrame, encodeGlobal, FRAME_TYPE } from '../protocol/index.ts';
import { readSettings, type Running } from '../shell/index.ts';
import {
  addSignatures, bundleLeafHashes, consistencyProof, cosign, encodeBundle, generateSigner, hashLeaf, openCheckpointWithQuorum, parseTrust, rangeProof, signCheckpoint,
  Tree, verifyConsistency, verifyRange, type Signer, type TileReader, type Trust, type TrustFile,
} from '../transparency/index.ts';
import { startRegion, type RegionSettings } from './main.ts';
import { sha256 } from './replica.ts';

export const ORIGIN = 'test.example';
export const REGION = 'eu';
export const quiet = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });

const seed = (text: string): Uint8Array => sha256(Buffer.from(`seed of ${text}`));
export const testSigner = (name: string, kind: 'ed25519' | 'cosignature/v1' = 'ed25519'): { signer: Signer; skey: string } => generateSigner(
  name, kind, seed(name),
);

/** An edge node's log as its own uplink would send it. */
export interface EdgeLog {
  readonly node: string;
  readonly signer: Signer;
  readonly entries: Buffer[];
  size(): number;
  root(size?: number): Uint8Array;
  append(n: number, text?: string): void;
  checkpoint(size: number): Promise<string>;
  proof(from: number, to: number): Uint8Array[];
  /** The body of `POST /v1/batches`. */
  batch(from: number, to: number, changes?: { header?: Record<string, unknown>; payload?: Uint8Array }): Promise<Buffer>;
}

export function edgeLog(node: string, signer = testSigner(`${ORIGIN}/edge/${node}`).signer): EdgeLog {
  const entries: Buffer[] = [];
  const tree = Tree.empty();
  const hashes: Buffer[] = [];
  const at = (size: number): { root: Uint8Array; tile: TileReader } => {
    const t = Tree.empty();
    for (const h of hashes.slice(0, size)) t.append(h);
    const tiles = new Map(t.takeDirtyTiles().map((tile) => [`${tile.level}/${tile.index}`, tile.hashes]));
    return { root: t.root(), tile: (level, index, width) => tiles.get(`${level}/${index}`)!.subarray(0, width * 32) };
  };
  const log: EdgeLog = {
    node, signer, entries,
    size: () => entries.length,
    root: (size) => (size === undefined ? tree.root() : at(size).root),
    append(n, text = 'entry') {
      for (let i = 0; i < n; i += 1) {
        const entry = Buffer.from(`{"${text}":${entries.length},"node":"${node}"}`);
        entries.push(entry);
        hashes.push(Buffer.from(hashLeaf(entry)));
        tree.append(hashes.at(-1)!);
      }
    },
    checkpoint: (size) => signCheckpoint({ origin: signer.name, size, root: at(size).root }, signer),
    proof: (from, to) => consistencyProof(from, to, at(to).tile),
    async batch(from, to, changes = {}) {
      const header = {
        node, from, size: to, checkpoint: await log.checkpoint(to),
        proof: from === 0 ? [] : log.proof(from, to).map((h) => Buffer.from(h).toString('base64')),
        ...changes.header,
      };
      return encodeFrame(header, [changes.payload ?? encodeBundle(entries.slice(from, to))]);
    },
  };
  return log;
}

export interface FakeControl {
  readonly url: string;
  applied(): number;
  /** Texts of the region log entries applied, in order. */
  readonly entries: string[];
  /** Blocks that were new, and all that came. */
  blocks(): { readonly applied: number; readonly taken: number };
  /** What did not verify. */
  readonly refusals: string[];
  /** Outcomes of a node from now on: entries of the global log, as opaque bytes. */
  outcomes(node: string, to: number): void;
  polls(): number;
  pause(paused: boolean): void;
  /** Back to a backup of when it had applied this many entries of the region's log. */
  restore(applied: number): void;
  whenApplied(size: number): Promise<void>;
  stop(): Promise<void>;
}

/** A control plane that checks every block as the real one has to: quorum, consistency, range, digests. */
export async function startFakeControl(
  trust: Trust, signers: { readonly global: Signer; readonly replicas: readonly Signer[] }, port = 0,
): Promise<FakeControl> {
  const region = trust.regions.get(REGION)!;
  const entries: string[] = [];
  const refusals: string[] = [];
  const outcomes = new Map<string, number>();
  let known = { size: 0, root: Buffer.alloc(0) as Uint8Array };
  let taken = 0;
  let blocks = 0;
  let polls = 0;
  let paused = false;
  let waiting: (() => void)[] = [];
  let appliedWaiting: { size: number; done: () => void }[] = [];

  /** The last outcome of each node's batches, under a global checkpoint of its own that one region has witnessed. */
  async function proofOf(node: string, index: number): Promise<Buffer> {
    const isThere = entries.map((e) => decodeBatch(e)).some((e) => e.node === node && e.from <= index && index < e.size);
    if (!isThere) return encodeFrame({ checkpoint: null, outcomes: [] }, []);
    const entry = Buffer.from(encodeGlobal({
      type: 'outcome', instruction: { id: `s${index}`, asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: 1n },
      region: REGION, node, index, status: 'final', debitBalance: -1n, creditBalance: 1n, at: 1,
    }));
    const tree = Tree.empty();
    tree.append(hashLeaf(Buffer.from('before it')));
    tree.append(hashLeaf(entry));
    const tiles = new Map(tree.takeDirtyTiles().map((t) => [`${t.level}/${t.index}`, t.hashes]));
    const proof = rangeProof(1, 2, 2, (level, i, width) => tiles.get(`${level}/${i}`)!.subarray(0, width * 32));
    const note = await signCheckpoint({ origin: signers.global.name, size: 2, root: tree.root() }, signers.global);
    const lines = await Promise.all(signers.replicas.map((s) => cosign(note, s, 1_790_000_000)));
    return encodeFrame({
      checkpoint: addSignatures(note, lines),
      outcomes: [{ from: index, to: index + 1, start: 1, proof: proof.map((h) => Buffer.from(h).toString('base64')) }],
    }, [encodeBundle([entry])]);
  }

  function block(body: Buffer): { status: number; json: object } {
    taken += 1;
    const { header, parts } = decodeFrame(body);
    const h = header as unknown as { region: string; checkpoint: string; consistency: string[]; from: number; to: number; range: string[]; entries: string[] };
    try {
      const checkpoint = openCheckpointWithQuorum(h.checkpoint, region.log, region.replicas, region.quorum);
      if (h.to <= entries.length) return { status: 200, json: { applied: entries.length, size: known.size } };
      if (h.from !== entries.length) {
        return { status: 409, json: { code: 'gap', detail: 'gap', applied: entries.length, size: known.size } };
      }
      const unbase64 = (list: string[]): Buffer[] => list.map((s) => Buffer.from(s, 'base64'));
      if (checkpoint.size < known.size) {
        return { status: 409, json: { code: 'gap', detail: 'older', applied: entries.length, size: known.size } };
      }
      if (known.size > 0) verifyConsistency(known.size, known.root, checkpoint.size, checkpoint.root, unbase64(h.consistency));
      const hashes = Buffer.concat(h.entries.map((e) => Buffer.from(hashLeaf(Buffer.from(e)))));
      verifyRange(hashes, h.from, checkpoint.size, unbase64(h.range), checkpoint.root);
      h.entries.forEach((text, i) => {
        const entry = decodeBatch(text);
        if (entry.digest !== Buffer.from(sha256(parts[i]!)).toString('base64')) throw new Error(`digest of entry ${h.from + i}`);
        if (bundleLeafHashes(parts[i]!).count !== entry.size - entry.from) throw new Error(`count of entry ${h.from + i}`);
      });
      known = { size: checkpoint.size, root: checkpoint.root };
      entries.push(...h.entries);
      blocks += 1;
    } catch (error) {
      refusals.push((error as Error).message);
      return { status: 400, json: { code: 'bad-block', detail: (error as Error).message } };
    }
    for (const w of appliedWaiting) if (w.size <= entries.length) w.done();
    appliedWaiting = appliedWaiting.filter((w) => w.size > entries.length);
    return { status: 200, json: { applied: entries.length, size: known.size } };
  }

  const server: Server = createServer((request, response) => {
    if (paused) {
      request.destroy();
      return;
    }
    const url = new URL(request.url!, 'http://x');
    const json = (status: number, value: object): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(
      JSON.stringify(value),
    );
    const chunks: Buffer[] = [];
    request.on('data', (c: Buffer) => chunks.push(c));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (url.pathname === `/v1/regions/${REGION}`) json(200, { id: REGION, applied: entries.length, size: known.size });
      else if (url.pathname === '/v1/blocks') {
        const { status, json: value } = block(body);
        json(status, value);
      } else if (url.pathname === '/v1/accounts/query') response.writeHead(200, { 'content-type': 'text/plain' }).end(
        `signed ${body.toString()}`,
      );
      else {
        const node = /^\/v1\/nodes\/([^/]+)\/outcomes$/.exec(url.pathname)?.[1];
        if (node === undefined) return json(404, { code: 'not-found' });
        const from = Number(url.searchParams.get('from'));
        if (url.searchParams.get('limit') === '1') {
          void proofOf(node, from).then((frame) => response.writeHead(200, { 'content-type': FRAME_TYPE }).end(frame));
          return;
        }
        polls += 1;
        const answer = (): void => {
          const to = outcomes.get(node) ?? 0;
          const list = to > from ? [{ from, to, start: 1000 + from, proof: [] }] : [];
          response.writeHead(200, { 'content-type': FRAME_TYPE }).end(
            encodeFrame({ checkpoint: 'global checkpoint', outcomes: list }, list.map(() => encodeBundle([Buffer.from(`${node} ${from}-${to}`)]))),
          );
        };
        if ((outcomes.get(node) ?? 0) > from) answer();
        else waiting.push(answer);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    applied: () => entries.length,
    entries, refusals,
    blocks: () => ({ applied: blocks, taken }),
    outcomes(node, to) {
      outcomes.set(node, to);
      const due = waiting;
      waiting = [];
      for (const w of due) w();
    },
    polls: () => polls,
    pause(p) {
      paused = p;
      if (p) server.closeAllConnections();
    },
    restore(applied) {
      entries.splice(applied);
      const tree = Tree.empty();
      for (const text of entries) tree.append(hashLeaf(Buffer.from(text)));
      known = { size: applied, root: tree.root() };
    },
    whenApplied: (size) => (entries.length >= size ? Promise.resolve() : new Promise((done) => appliedWaiting.push({ size, done }))),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Bed {
  readonly dir: string;
  readonly trust: Trust;
  readonly control: FakeControl;
  readonly urls: readonly string[];
  readonly global: Signer;
  /** Region log key and replicas' keys: what a lying replica has. */
  readonly regionSigner: Signer;
  readonly replicaSigners: readonly Signer[];
  readonly streamPath: string;
  settings(n: number): RegionSettings;
  start(n: number): Promise<Running>;
  /** A replica as a process of its own. */
  spawn(n: number): Promise<ChildProcess>;
  stop(n: number): Promise<void>;
  close(): Promise<void>;
}

/** Ports that were free a moment ago: replicas have to know each other's before they start. */
async function freePorts(n: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise<Server>((resolve) => {
    const s = createServer().listen(0, '127.0.0.1', () => resolve(s));
  })));
  const ports = servers.map((s) => (s.address() as AddressInfo).port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

export async function createBed(options: { replicas: number; quorum: number; nodes: readonly string[] }): Promise<Bed> {
  const dir = mkdtempSync(join(tmpdir(), 'region-'));
  const write = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
    return path;
  };
  const global = testSigner(`${ORIGIN}/global`);
  const log = testSigner(`${ORIGIN}/region/${REGION}`);
  const replicas = Array.from(
    { length: options.replicas }, (_, n) => testSigner(`${ORIGIN}/region/${REGION}/replica/${n}`, 'cosignature/v1'),
  );
  const file: TrustFile = {
    origin: ORIGIN, global: global.signer.vkey, witnessQuorum: 1,
    regions: [{
      id: REGION, log: log.signer.vkey, quorum: options.quorum, replicas: replicas.map((k) => k.signer.vkey),
      nodes: options.nodes.map((id) => ({ id, vkey: testSigner(`${ORIGIN}/edge/${id}`).signer.vkey })),
    }],
  };
  const trust = parseTrust(JSON.stringify(file));
  const trustPath = write('trust.json', JSON.stringify(file));
  const regionKey = write('region.skey', log.skey);
  const keys = replicas.map((k, n) => write(`replica-${n}.skey`, k.skey));
  const control = await startFakeControl(trust, { global: global.signer, replicas: replicas.map((k) => k.signer) });
  const ports = await freePorts(options.replicas);
  const urls = ports.map((p) => `http://127.0.0.1:${p}`);
  const running = new Map<number, Running>();
  const children: ChildProcess[] = [];
  const streamPath = join(dir, 'stream.sqlite');
  mkdirSync(join(dir, 'data'));
  const environment = (n: number): Record<string, string> => ({
    TIDEMARK_SITE: REGION, TIDEMARK_DATA: join(dir, 'data', String(n)), TIDEMARK_HOST: '127.0.0.1', TIDEMARK_PORT: String(ports[n]),
    TIDEMARK_TRUST: trustPath, TIDEMARK_KEY: keys[n]!, TIDEMARK_LOG_LEVEL: 'silent', TIDEMARK_REPLICA: String(n), TIDEMARK_REGION_KEY: regionKey,
    TIDEMARK_STREAM: `sqlite:${streamPath}`, TIDEMARK_PEER_URLS: urls.join(','), TIDEMARK_CONTROL_URL: control.url,
  });
  const bed: Bed = {
    dir, trust, control, urls, streamPath, global: global.signer, regionSigner: log.signer, replicaSigners: replicas.map((k) => k.signer),
    settings: (n) => readSettings(REGION_SETTINGS, environment(n)),
    async start(n) {
      const r = await startRegion(bed.settings(n), quiet);
      running.set(n, r);
      return r;
    },
    async spawn(n) {
      const child = spawn(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url))], {
        env: { ...process.env, ...environment(n), TIDEMARK_LOG_LEVEL: 'warn' }, stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (text: Buffer) => {
          if (text.toString().includes('listening')) resolve();
        });
        child.on('exit', (code) => reject(new Error(`replica ${n} ended with ${code}`)));
      });
      children.push(child);
      return child;
    },
    async stop(n) {
      await running.get(n)?.stop();
      running.delete(n);
    },
    async close() {
      await Promise.all([...running.keys()].map((n) => bed.stop(n)));
      for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await control.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return bed;
}

export interface Reply {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Headers;
  json(): Record<string, unknown>;
}

export async function http(url: string, init: { method?: string; body?: Buffer | string; type?: string; signal?: AbortSignal } = {}): Promise<Reply> {
  const response = await fetch(url, {
    method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
    ...(init.body === undefined ? {} : { body: init.body as never }),
    ...(init.type === undefined ? {} : { headers: { 'content-type': init.type } }),
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  });
  const body = Buffer.from(await response.arrayBuffer());
  return { status: response.status, body, headers: response.headers, json: () => JSON.parse(body.toString()) as Record<string, unknown> };
}

export const post = (url: string, frame: Buffer): Promise<Reply> => http(`${url}/v1/batches`, { body: frame, type: FRAME_TYPE });

/** Asks again until it holds; fails after `ms`. */
export async function eventually(what: string, holds: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const until = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const status = async (url: string): Promise<{ state: string; counts: Record<string, number>; incidents: { kind: string; detail: string }[]; log: { size: number } }> =>
  (await http(`${url}/v1/status`)).json() as never;
