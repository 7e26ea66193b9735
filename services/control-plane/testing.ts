/** A platform's other half for tests and benchmarks: edge nodes and regions with real keys and logs, all in memory. */
import { hash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeBatch, encodeDecision, encodeFrame, type BatchEntry, type DecisionEntry, type RefusalReason } from '../protocol/index.ts';
import {
  addSignatures, bundleLeafHashes, consistencyProof, cosign, decideAddCheckpoint, encodeBundle, generateSigner, parseAddCheckpoint, parseTrust,
  rangeProof, signCheckpoint, Tree, type Signer, type TileReader, type Trust, type TrustFile, type Verifier, type WitnessState,
} from '../transparency/index.ts';

export const ORIGIN = 'tidemark.example';

/** A log in memory with proofs. */
export function memoryLog(): { readonly tree: Tree; append(entries: readonly Uint8Array[]): void; readonly readTile: TileReader } {
  const tree = Tree.empty();
  const tiles = new Map<string, Uint8Array>();
  return {
    tree,
    append(entries) {
      tree.appendMany(bundleLeafHashes(encodeBundle(entries)).hashes);
      for (const tile of tree.takeDirtyTiles()) tiles.set(`${tile.level}/${tile.index}`, tile.hashes);
    },
    readTile: (level, index, width) => tiles.get(`${level}/${index}`)!.subarray(0, width * 32),
  };
}

export interface Asked {
  readonly id: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  readonly asset?: string;
  readonly refused?: RefusalReason;
}

/** The canonical decision of an edge node that accepts (or refuses) whatever it is asked. */
export const decisionOf = (a: Asked, at = 1_790_000_000_000): DecisionEntry => ({
  instruction: { id: a.id, asset: a.asset ?? 'EUR', debitAccount: a.debit, creditAccount: a.credit, amount: a.amount },
  inputs: {
    debit: { account: a.debit, asset: a.asset ?? 'EUR', balance: 1_000_000n, overdraft: 0n, asOf: 17 }, debitAgeMs: 40,
    creditAsset: a.asset ?? 'EUR', reserved: 0n, offlineAccount: 0n, offlineNode: 0n, connected: true,
  },
  decision: a.refused === undefined ? { result: 'provisional', mode: 'online' } : { result: 'refused', mode: 'online', reason: a.refused },
  decidedAt: at, policy: '0123456789abcdef',
});

export const encodeDecisions = (asked: readonly Asked[]): Buffer[] => asked.map((a) => Buffer.from(encodeDecision(decisionOf(a))));

export interface FakeNode {
  readonly id: string;
  readonly signer: Signer;
  readonly log: ReturnType<typeof memoryLog>;
}

export interface FakeBlock {
  header: Record<string, unknown> & { region: string; checkpoint: string; from: number; to: number; entries: string[]; range: string[]; consistency: string[] };
  parts: Uint8Array[];
}

export interface FakeRegion {
  readonly id: string;
  readonly log: ReturnType<typeof memoryLog>;
  readonly logSigner: Signer;
  readonly replicas: readonly Signer[];
  readonly nodes: ReadonlyMap<string, FakeNode>;
  /** The node logs the entries and the region orders them. Change `edit` to lie. */
  order(node: string, entries: readonly Uint8Array[], edit?: (entry: BatchEntry, payload: Uint8Array) => BatchEntry): Promise<void>;
  /** A block of everything ordered from `from` on, with proofs from a checkpoint of `known` entries. */
  block(from: number, known: number, to?: number): Promise<FakeBlock>;
  checkpoint(cosigners?: number): Promise<string>;
}

export interface FakePlatform {
  readonly global: { readonly signer: Signer; readonly skey: string };
  readonly trustFile: TrustFile;
  readonly trust: Trust;
  readonly regions: readonly FakeRegion[];
}

/** Keys from fixed seeds: two runs see the same bytes. */
const seedOf = (name: string): Buffer => hash('sha256', `seed of ${name}`, 'buffer');
const keys = (name: string, kind?: 'cosignature/v1'): { signer: Signer; skey: string } => generateSigner(name, kind ?? 'ed25519', seedOf(name));

const forger = keys(ORIGIN).signer;

export const frameOf = (block: FakeBlock): Buffer => encodeFrame(block.header, block.parts);
const b64 = (hashes: readonly Uint8Array[]): string[] => hashes.map((h) => Buffer.from(h).toString('base64'));

export function fakePlatform(shape: { regions?: number; nodes?: number; replicas?: number; quorum?: number; witnessQuorum?: number } = {}): FakePlatform {
  const global = keys(`${ORIGIN}/global`);
  const regions = Array.from({ length: shape.regions ?? 2 }, (_, i) => fakeRegion(`r${i}`, shape));
  const trustFile: TrustFile = {
    origin: ORIGIN, global: global.signer.vkey, witnessQuorum: shape.witnessQuorum ?? 1,
    regions: regions.map((r) => ({
      id: r.id, log: r.logSigner.vkey, quorum: shape.quorum ?? 2, replicas: r.replicas.map((s) => s.vkey),
      nodes: [...r.nodes.values()].map((n) => ({ id: n.id, vkey: n.signer.vkey })),
    })),
  };
  return { global, trustFile, trust: parseTrust(JSON.stringify(trustFile)), regions };
}

function fakeRegion(id: string, shape: { nodes?: number; replicas?: number; quorum?: number }): FakeRegion {
  const logSigner = keys(`${ORIGIN}/region/${id}`).signer;
  const replicas = Array.from({ length: shape.replicas ?? 3 }, (_, n) => keys(`${ORIGIN}/region/${id}/replica/${n}`, 'cosignature/v1').signer);
  const nodes = new Map(Array.from({ length: shape.nodes ?? 2 }, (_, n): [string, FakeNode] => {
    const node = `${id}-n${n}`;
    return [node, { id: node, signer: keys(`${ORIGIN}/edge/${node}`).signer, log: memoryLog() }];
  }));
  const log = memoryLog();
  const entries: string[] = [];
  const payloads: Uint8Array[] = [];
  const checkpoint = async (cosigners = shape.quorum ?? 2): Promise<string> => {
    const note = await signCheckpoint({ origin: logSigner.name, size: log.tree.size, root: log.tree.root() }, logSigner);
    const lines = await Promise.all(replicas.slice(0, cosigners).map((r) => cosign(note, r, 1_790_000_000)));
    return lines.length === 0 ? note : addSignatures(note, lines);
  };
  return {
    id, log, logSigner, replicas, nodes, checkpoint,
    async order(nodeId, decisions, edit = (entry) => entry) {
      const node = nodes.get(nodeId)!;
      const from = node.log.tree.size;
      node.log.append(decisions);
      const payload = encodeBundle(decisions);
      const entry: BatchEntry = {
        region: id, node: nodeId, from, size: node.log.tree.size,
        checkpoint: await signCheckpoint({ origin: node.signer.name, size: node.log.tree.size, root: node.log.tree.root() }, node.signer),
        digest: hash('sha256', payload, 'base64'), seq: entries.length + 1, at: 1_790_000_000_000,
      };
      const text = encodeBatch(edit(entry, payload));
      entries.push(text);
      payloads.push(payload);
      log.append([Buffer.from(text)]);
    },
    async block(from, known, to = entries.length) {
      const size = log.tree.size;
      return {
        header: {
          region: id, checkpoint: await checkpoint(), from, to, entries: entries.slice(from, to),
          consistency: known === 0 || known === size ? [] : b64(consistencyProof(known, size, log.readTile)),
          range: from === to ? [] : b64(rangeProof(from, to, size, log.readTile)),
        },
        parts: payloads.slice(from, to),
      };
    },
  };
}

export interface FakeWitness {
  readonly url: string;
  /** Requests answered so far. */
  readonly asked: () => number;
  /** Sizes it has cosigned, in order. */
  readonly cosigned: () => readonly number[];
  /** How it behaves from now on; a stalled one answers when it is honest again. */
  behave(how: 'honest' | 'stalled' | 'refusing' | 'forging' | 'other-root'): void;
  close(): Promise<void>;
}

/** A region's replica as far as the global log is concerned: C2SP tlog-witness over HTTP. */
export async function fakeWitness(signer: Signer, log: Verifier): Promise<FakeWitness> {
  let state: WitnessState | null = null;
  let how: Parameters<FakeWitness['behave']>[0] = 'honest';
  let asked = 0;
  const cosigned: number[] = [];
  const resume: (() => void)[] = [];
  const answer = async (body: Buffer): Promise<{ status: number; type: string; text: string }> => {
    if (how === 'stalled') await new Promise<void>((resolve) => resume.push(resolve));
    asked += 1;
    if (how === 'refusing') return { status: 500, type: 'text/plain', text: 'not today\n' };
    const request = parseAddCheckpoint(body);
    if (how === 'other-root') return { status: 409, type: 'text/plain', text: 'another root\n' };
    const decision = decideAddCheckpoint(state, request, log);
    if (!decision.ok) return { status: decision.status, type: decision.contentType ?? 'text/plain', text: decision.body };
    const line = await cosign(how === 'forging' ? await signCheckpoint({ origin: ORIGIN, size: 1, root: decision.newState.root }, forger) : request.checkpoint, signer, 1_790_000_000);
    state = decision.newState;
    cosigned.push(state.size);
    return { status: 200, type: 'text/plain', text: line };
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      answer(Buffer.concat(chunks)).then(({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text), () => response.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    cosigned: () => cosigned,
    behave(next) {
      how = next;
      if (next !== 'stalled') for (const go of resume.splice(0)) go();
    },
    async close() {
      for (const go of resume.splice(0)) go();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

