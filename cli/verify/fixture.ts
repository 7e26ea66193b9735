/** For tests: the logs of a small platform, made with the real encodings and signatures, without any service. */
import { hash } from 'node:crypto';
import {
  createSampler, decide, encodeAccount, encodeBatch, encodeDecision, encodeOutcome, encodePolicy, formatTraceparent, PARTS_PER_MILLION, policyDigest, sameInstruction,
  type Decision, type DecisionEntry, type DecisionInputs, type Instruction, type OutcomeEntry, type Policy,
} from '../../services/protocol/index.ts';
import {
  addSignatures, cosign, encodeBundle, generateSigner, hashesAtLevel, hashLeaf, parseTilePath, rootAt,
  signCheckpoint, TILE_WIDTH, Tree, type Signer, type TileReader, type TrustFile,
} from '../../services/transparency/index.ts';
import type { LogSource } from '../export/write.ts';

const TRACE = formatTraceparent('4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7');
const sample = createSampler(PARTS_PER_MILLION)!;

export const POLICY: Policy = {
  version: 1, offlineAfterMs: 2_000, maxStalenessMs: 60_000, offlinePerAccount: { EUR: 1_000n }, offlinePerNode: { EUR: 2_000n },
};

const ORIGIN = 'test.example';
const AT = 1_790_000_000_000;

/** A log in memory. */
class MemoryLog {
  readonly entries: Buffer[] = [];
  readonly #tree = Tree.empty();
  readonly #tiles = new Map<string, Buffer>();

  append(text: string): number {
    const bytes = Buffer.from(text);
    this.entries.push(bytes);
    this.#tree.append(hashLeaf(bytes));
    for (const t of this.#tree.takeDirtyTiles()) this.#tiles.set(`${t.level}/${t.index}`, t.hashes);
    return this.entries.length - 1;
  }

  get size(): number {
    return this.entries.length;
  }

  readTile: TileReader = (level, index, width) => this.#tiles.get(`${level}/${index}`)!.subarray(0, width * 32);
  rootAt = (size: number): Buffer => rootAt(size, this.readTile);

  file(path: string): Buffer {
    const tile = parseTilePath(path);
    if (tile === null || tile.index * TILE_WIDTH + tile.width > hashesAtLevel(this.size, tile.level)) {
      throw new Error(`no ${path}`);
    }
    if (tile.kind === 'tile') return Buffer.from(this.readTile(tile.level, tile.index, tile.width));
    return encodeBundle(this.entries.slice(tile.index * TILE_WIDTH, tile.index * TILE_WIDTH + tile.width));
  }
}

export interface Fixture {
  readonly trust: string;
  readonly sources: ReadonlyMap<string, LogSource>;
  readonly logs: Readonly<Record<string, MemoryLog>>;
  readonly policyText: string;
  /** Signs the global log as it stands, cosigned by replicas of region eu: by default 0 and 1, which are its quorum. */
  globalCheckpoint(replicas?: readonly number[]): Promise<string>;
}

export interface FixtureOptions {
  /** Settlements in all. */
  readonly settlements: number;
  /** Changes an outcome before it is logged: a control plane that lies. */
  readonly forge?: (outcome: OutcomeEntry) => OutcomeEntry;
  /** Changes a decision before it is logged: an edge node that does not follow its policy. */
  readonly bend?: (decision: Decision, instruction: Instruction) => Decision;
  /** Changes what an edge node believes of a balance. */
  readonly believe?: (balance: bigint, account: string) => bigint;
  /** Changes the inputs of a decision before it is taken. `last`: of the one decision without an outcome. */
  readonly imagine?: (inputs: DecisionInputs, last: boolean) => DecisionInputs;
}

/** Two regions (2 of 3 replicas, 1 of 1), two nodes in the first, one in the second; some settlements refused, rejected, repeated. */
export async function makeFixture(o: FixtureOptions): Promise<Fixture> {
  const keys = {
    global: generateSigner(`${ORIGIN}/global`, 'ed25519').signer,
    eu: generateSigner(`${ORIGIN}/region/eu`, 'ed25519').signer,
    us: generateSigner(`${ORIGIN}/region/us`, 'ed25519').signer,
    euReplicas: [0, 1, 2].map((i) => generateSigner(`${ORIGIN}/region/eu/replica/${i}`, 'cosignature/v1').signer),
    usReplicas: [generateSigner(`${ORIGIN}/region/us/replica/0`, 'cosignature/v1').signer],
    nodes: Object.fromEntries(
      ['eu-a', 'eu-b', 'us-a'].map((id) => [id, generateSigner(`${ORIGIN}/edge/${id}`, 'ed25519').signer]),
    ) as Record<string, Signer>,
  };
  const trust: TrustFile = {
    origin: ORIGIN, global: keys.global.vkey, witnessQuorum: 1,
    regions: [
      {
        id: 'eu', log: keys.eu.vkey, quorum: 2, replicas: keys.euReplicas.map((k) => k.vkey),
        nodes: [{ id: 'eu-a', vkey: keys.nodes['eu-a']!.vkey }, { id: 'eu-b', vkey: keys.nodes['eu-b']!.vkey }],
      },
      {
        id: 'us', log: keys.us.vkey, quorum: 1, replicas: keys.usReplicas.map((k) => k.vkey),
        nodes: [{ id: 'us-a', vkey: keys.nodes['us-a']!.vkey }],
      },
    ],
  };
  const policyText = encodePolicy(POLICY);
  const global = new MemoryLog();
  const regions = { eu: new MemoryLog(), us: new MemoryLog() };
  const nodes = { 'eu-a': new MemoryLog(), 'eu-b': new MemoryLog(), 'us-a': new MemoryLog() };
  const balances = new Map<string, bigint>();
  for (const account of ['bank', 'alice', 'bob', 'carol']) {
    balances.set(account, 0n);
    global.append(encodeAccount({ type: 'account', account, asset: 'EUR', overdraft: account === 'bank' ? null : 0n, at: AT }));
  }

  const known = (account: string): DecisionInputs['debit'] =>
    (balances.has(account) ? {
      account, asset: 'EUR', balance: o.believe?.(balances.get(account)!, account) ?? balances.get(account)!,
      overdraft: account === 'bank' ? null : 0n, asOf: global.size,
    } : null);
  const firsts = new Map<string, { at: number; outcome: OutcomeEntry }>();

  function settle(outcome: OutcomeEntry): OutcomeEntry {
    const { id, debitAccount, creditAccount, amount } = outcome.instruction;
    const first = firsts.get(id);
    const both = balances.has(debitAccount) && balances.has(creditAccount);
    const { reason: _, refusedAtEdge: refused, ...bare } = outcome;
    let out = outcome;
    if (first !== undefined && sameInstruction(first.outcome.instruction, outcome.instruction)) {
      out = {
        ...bare, status: first.outcome.status, duplicateOf: first.at,
        ...(first.outcome.reason === undefined ? {} : { reason: first.outcome.reason }),
      };
    } else if (first !== undefined) {
      out = { ...bare, status: 'rejected', reason: 'id-conflict' };
    } else if (refused !== true) {
      if (!both) {
        out = { ...outcome, status: 'rejected', reason: 'account-unknown' };
      } else if (debitAccount !== 'bank' && balances.get(debitAccount)! < amount) {
        out = { ...outcome, status: 'rejected', reason: 'insufficient-funds' };
      } else {
        balances.set(debitAccount, balances.get(debitAccount)! - amount);
        balances.set(creditAccount, balances.get(creditAccount)! + amount);
      }
    }
    if (both) out = { ...out, debitBalance: balances.get(debitAccount)!, creditBalance: balances.get(creditAccount)! };
    if (first === undefined) firsts.set(id, { at: global.size, outcome: out });
    return o.forge?.(out) ?? out;
  }

  const names = Object.keys(nodes) as (keyof typeof nodes)[];
  const people = ['alice', 'bob', 'carol'];
  let made = 0;
  let seq = 0;
  for (let round = 0; made < o.settlements; round += 1) {
    const node = names[round % names.length]!;
    const region = node.startsWith('eu') ? 'eu' as const : 'us' as const;
    const log = nodes[node];
    const from = log.size;
    const decided: DecisionEntry[] = [];
    for (let k = 0; k < 37 && made < o.settlements; k += 1) {
      // Every 50th repeats a settlement of another node, every 60th conflicts with one; people overspend now and then.
      const id = made % 50 === 49 ? `s-${made - 40}` : made % 60 === 59 ? `s-${made - 45}` : `s-${made}`;
      const original = firsts.get(id)?.outcome.instruction;
      const instruction: Instruction = made % 50 === 49 && original !== undefined ? original : {
        id, asset: 'EUR', debitAccount: made % 3 === 0 ? 'bank' : made % 41 === 1 ? 'nobody' : people[made % 2]!,
        creditAccount: people[(made + 1) % 3] === people[made % 2] ? 'carol' : people[(made + 1) % 3]!, amount: BigInt(1 + (made * 7) % 300),
      };
      made += 1;
      if (decided.some(
        (d) => d.instruction.id === instruction.id,
      ) || log.entries.some((e) => e.includes(`"id":"${instruction.id}"`))) {
        continue;
      }
      const debit = known(instruction.debitAccount);
      const honest: DecisionInputs = {
        debit, debitAgeMs: debit === null ? 0 : round, creditAsset: 'EUR', reserved: 0n, offlineAccount: 0n, offlineNode: 0n, connected: round % 4 !== 3,
      };
      const inputs = o.imagine?.(honest, false) ?? honest;
      const decision = decide(instruction, inputs, POLICY);
      const entry: DecisionEntry = {
        instruction, inputs, decision: o.bend?.(decision, instruction) ?? decision, decidedAt: AT + made,
        policy: policyDigest(POLICY),
        // Some are followed, by their sender or by the node itself.
        ...(made % 7 === 0 ? { trace: TRACE } : made % 11 === 0 ? { trace: sample(instruction.id)! } : {}),
      };
      decided.push(entry);
      log.append(encodeDecision(entry));
    }
    if (decided.length === 0) continue;
    const signed = await signCheckpoint(
      { origin: `${ORIGIN}/edge/${node}`, size: log.size, root: log.rootAt(log.size) }, keys.nodes[node]!,
    );
    seq += 1;
    regions[region].append(encodeBatch({
      region, node, from, size: log.size, checkpoint: signed, digest: hash(
        'sha256', encodeBundle(log.entries.slice(from)), 'base64',
      ), seq, at: AT + made,
    }));
    decided.forEach((d, k) => {
      const base: OutcomeEntry = {
        type: 'outcome', instruction: d.instruction, region, node, index: from + k, status: 'final', at: AT + made,
      };
      global.append(
        encodeOutcome(
          settle(
            d.decision.reason === undefined ? base : {
              ...base, status: 'rejected', reason: d.decision.reason, refusedAtEdge: true,
            },
          ),
        ),
      );
    });
  }
  // Younger than the global checkpoint: decided, not yet ordered.
  const late: Instruction = { id: 'late', asset: 'EUR', debitAccount: 'bank', creditAccount: 'bob', amount: 5n };
  const honest: DecisionInputs = {
    debit: known('bank'), debitAgeMs: 1, creditAsset: 'EUR', reserved: 0n, offlineAccount: 0n, offlineNode: 0n,
    connected: true,
  };
  const inputs = o.imagine?.(honest, true) ?? honest;
  nodes['us-a'].append(
    encodeDecision(
      { instruction: late, inputs, decision: decide(late, inputs, POLICY), decidedAt: AT, policy: policyDigest(POLICY) },
    ),
  );

  const checkpoint = async (log: MemoryLog, signer: Signer, cosigners: readonly Signer[]): Promise<string> => {
    const note = await signCheckpoint({ origin: signer.name, size: log.size, root: log.rootAt(log.size) }, signer);
    return addSignatures(note, await Promise.all(cosigners.map((c) => cosign(note, c, AT / 1_000))));
  };
  const source = (log: MemoryLog, signer: Signer, cosigners: readonly Signer[]): LogSource => ({
    checkpoint: () => checkpoint(log, signer, cosigners), file: async (path) => log.file(path), policy: async () => policyText,
  });
  return {
    trust: `${JSON.stringify(trust, null, 2)}\n`, policyText,
    logs: {
      global, 'region-eu': regions.eu, 'region-us': regions.us, 'edge-eu-a': nodes['eu-a'], 'edge-eu-b': nodes['eu-b'],
      'edge-us-a': nodes['us-a'],
    },
    globalCheckpoint: (replicas = [0, 1]) => checkpoint(global, keys.global, replicas.map((i) => keys.euReplicas[i]!)),
    sources: new Map([
      ['global', source(global, keys.global, keys.euReplicas.slice(0, 2))],
      ['region-eu', source(regions.eu, keys.eu, keys.euReplicas.slice(1))],
      ['region-us', source(regions.us, keys.us, keys.usReplicas)],
      ...names.map((n): [string, LogSource] => [`edge-${n}`, source(nodes[n], keys.nodes[n]!, [])]),
    ]),
  };
}
