/**
 * `node bin/run.mjs bench/micro.ts [SECONDS]`: the hot functions alone, in one process, in microseconds for one settlement. What
 * they add up to is the least that a settlement can cost; docs/performance.md compares it with what the services take.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { applyBatch, type Account, type Fate } from '../services/control-plane/core/ledger.ts';
import { readDecisions, type Settlement } from '../services/control-plane/core/decisions.ts';
import { createEdgeCore, type OutcomeEffect } from '../services/edge-node/core/node.ts';
import { createFigures } from '../services/edge-node/figures.ts';
import { parseInstruction } from '../services/edge-node/instruction.ts';
import { decodeOutcomes, encodeDecision, type Instruction, type Policy } from '../services/protocol/index.ts';
import { createIdIndex, ID_INDEX_SCHEMA, openDatabase, parseStrictBatch, transaction } from '../services/shell/index.ts';
import { bundleLeafHashes, encodeBundle, SqliteLog, Tree } from '../services/transparency/index.ts';
import { observed } from './stand.ts';

const BATCH = 1_000;
const ACCOUNTS = 2_000;
const NOW = 1_790_000_000_000;
const policy: Policy = { version: 1, offlineAfterMs: 5_000, maxStalenessMs: 60_000, offlinePerAccount: {}, offlinePerNode: {} };
const name = (n: number): string => `bench-${String(n).padStart(6, '0')}`;

const seconds = Number(process.argv[2] ?? 1);
if (!(seconds > 0)) {
  process.stderr.write(`micro: ${process.argv[2]}: expected the seconds for each function, such as 0.5\n`);
  process.exit(2);
}

/** @param work does `BATCH` settlements; @param n counts the calls, so that nothing is done twice */
function measure(what: string, work: (n: number) => void): void {
  let n = 0;
  for (const until = performance.now() + seconds * 300; performance.now() < until; n += 1) work(n);
  const rounds: number[] = [];
  for (const until = performance.now() + seconds * 1_000; performance.now() < until; n += 1) {
    const before = performance.now();
    work(n);
    rounds.push(performance.now() - before);
  }
  rounds.sort((a, b) => a - b);
  const micros = (ms: number): string => ((ms / BATCH) * 1_000).toFixed(2).padStart(7);
  const mean = rounds.reduce((a, b) => a + b, 0) / rounds.length;
  process.stdout.write(`${micros(rounds[rounds.length >> 1]!)} us median ${micros(mean)} us mean  ${what}\n`);
}

const body = (n: number): Buffer => Buffer.from(JSON.stringify({
  settlements: Array.from({ length: BATCH }, (_, i) => ({
    id: `b1-${n * BATCH + i}`, asset: 'EUR', amount: '100',
    debitAccount: name((i * 7) % 1_000), creditAccount: name(1_000 + ((i * 11) % 1_000)),
  })),
}));

const core = createEdgeCore(policy, 0);
for (let i = 0; i < ACCOUNTS; i += 1) {
  core.learn({ account: name(i), asset: 'EUR', balance: 0n, overdraft: 10n ** 15n, asOf: 1 }, 0);
}
const first = body(0);
const parse = (request: Buffer): Instruction[] =>
  (parseStrictBatch(request, 'settlements', 5) as { settlements: unknown[] }).settlements.map((s) => parseInstruction(s));
const instructions = parse(first);
const texts = instructions.map((s) => encodeDecision(core.decide(s, NOW, true)));
const bundle = encodeBundle(texts.map((t) => Buffer.from(t)));
const { hashes } = bundleLeafHashes(bundle);
const settlements: Settlement[] = [];
readDecisions(bundle, settlements);
const accounts = new Map(Array.from({ length: ACCOUNTS }, (_, i): [string, Account] =>
  [name(i), { id: name(i), asset: 'EUR', overdraft: 10n ** 15n, balance: 0n, ref: null, touched: -1 }]));
const view = { account: (id: string) => accounts.get(id), earlier: () => undefined };
const batch = { region: 'r', node: 'edge', from: 0, settlements };
const applied = applyBatch(view, { ...batch, first: 0 }, NOW, [] as Fate[]);
const outcomes = encodeBundle(applied.entries.map((e) => Buffer.from(e)));

const folder = mkdtempSync(join(tmpdir(), 'tidemark-micro-'));
try {
  const db: DatabaseSync = openDatabase(join(folder, 'micro.db'), [ID_INDEX_SCHEMA]);
  const log = new SqliteLog(db);
  // Ids here are new, so that what stands on the log is never compared.
  const ids = createIdIndex(db, () => '');
  const tree = Tree.empty();

  measure('edge: a request of 1,000 from JSON to instructions', () => void parse(first));
  measure('edge: decide, encode, later take the outcome in', () => {
    for (const s of instructions) encodeDecision(core.decide(s, NOW, true));
    for (const instruction of instructions) {
      const index = core.finalSize();
      core.settle({
        type: 'outcome', instruction, region: 'r', node: 'edge', index, status: 'final', at: 1,
        debitBalance: 0n, creditBalance: 0n,
      }, index, NOW);
    }
  });
  measure('every tier: leaf hashes of a bundle', () => void bundleLeafHashes(bundle));
  measure('every tier: Tree.appendMany', () => {
    tree.appendMany(hashes);
    tree.takeDirtyTiles();
  });
  measure('edge: append to the log and index ids, one transaction, synced', (n) => {
    transaction(db, () => {
      const { first: at } = log.append(bundle, BATCH, hashes);
      instructions.forEach((s, i) => ids.claim(`${s.id}-${n}`, at + i));
      ids.settle();
    });
  });
  measure('edge: look ids up that are new', (n) => {
    for (const s of instructions) ids.find(`${s.id}-new-${n}`);
  });
  measure('centre: read the decisions of a batch', () => readDecisions(bundle, []));
  measure('centre: apply a batch to the ledger', (n) => void applyBatch(view, { ...batch, first: (n + 1) * BATCH }, NOW, []));
  measure('edge: read the outcomes of a batch', () => void decodeOutcomes(outcomes));
  const settled = decodeOutcomes(outcomes);
  const effect: OutcomeEffect = { reversed: false, drift: 0n, believedMs: 0, changed: [] };
  for (const [what, slas] of [['no SLAs', []], ['an SLA for each indicator', observed.slas]] as const) {
    const figures = createFigures({ slas, node: 'edge', region: 'r', reach: 'in-reach' });
    measure(`edge: count a batch through all stages, ${what}`, (n) => {
      const start = n * BATCH;
      figures.decided({ first: start, count: BATCH, decidedAt: NOW, receivedAt: NOW - 1, offline: 0, refused: 0 });
      figures.answered(BATCH, 3);
      figures.orderedUpTo(start + BATCH, NOW + 5);
      for (const outcome of settled) figures.settled(outcome, effect);
      figures.finalUpTo(start + BATCH, NOW + 9);
    });
  }
  db.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
