/**
 * How long the control plane takes for one settlement, from a block's bytes to the durable commit, on one core:
 *
 *     node bench/control-plane.ts [--settlements 200000] [--batch 8192] [--accounts 2000] [--nodes 2]
 *
 * Prints microseconds per settlement for each part and for the whole. Profile the whole with `node --cpu-prof`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeFrame } from '../services/protocol/index.ts';
import { createApplier } from '../services/control-plane/applier.ts';
import { readDecisions, type Settlement } from '../services/control-plane/core/decisions.ts';
import { applyBatch, type Account } from '../services/control-plane/core/ledger.ts';
import { openSqliteStore } from '../services/control-plane/sqlite-store.ts';
import { encodeDecisions, fakePlatform, frameOf, type Asked } from '../services/control-plane/testing.ts';
import { bundleLeafHashes, encodeBundle } from '../services/transparency/index.ts';

const { values } = parseArgs({ options: {
  settlements: { type: 'string', default: '200000' }, batch: { type: 'string', default: '8192' }, accounts: { type: 'string', default: '2000' },
  nodes: { type: 'string', default: '2' },
} });
const total = Number(values.settlements);
const batch = Number(values.batch);
const accounts = Number(values.accounts);
const nodes = Number(values.nodes);

let state = 1;
const random = (): number => (state = (state * 48_271) % 2_147_483_647);
const asked = (n: number): Asked => ({
  id: `bench:${n.toString(36).padStart(8, '0')}-${random().toString(36)}`, debit: `customer-${random() % accounts}`, credit: `customer-${random() % accounts}`,
  amount: BigInt(1 + random() % 100_000),
});

const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
const platform = fakePlatform({ regions: 1, nodes, replicas: 1, quorum: 1 });
const region = platform.regions[0]!;
const frames: Buffer[] = [];
const payloads: Buffer[] = [];
for (let n = 0; n < total; n += batch * nodes) {
  const from = region.log.tree.size;
  for (const node of region.nodes.keys()) {
    const entries = encodeDecisions(Array.from({ length: batch }, (_, i) => asked(n + i)));
    payloads.push(encodeBundle(entries));
    await region.order(node, entries);
  }
  frames.push(frameOf(await region.block(from, from)));
}
const count = frames.length * batch * nodes;
console.log(`${count} settlements in ${frames.length} blocks of ${nodes} batches of ${batch}, ${accounts} accounts, ${(payloads[0]!.length / batch).toFixed(0)} bytes an entry`);

function measure(name: string, work: () => void): void {
  const start = performance.now();
  work();
  console.log(`${name.padEnd(34)} ${((performance.now() - start) * 1000 / count).toFixed(2).padStart(7)} us`);
}

measure('leaf hashes of a payload', () => { for (const p of payloads) bundleLeafHashes(p); });
const parsed: Settlement[][] = [];
measure('read decisions', () => {
  for (const p of payloads) {
    const out: Settlement[] = [];
    readDecisions(p, out);
    parsed.push(out);
  }
});
const memory = new Map<string, Account>();
for (let i = 0; i < accounts; i += 1) memory.set(`customer-${i}`, { id: `customer-${i}`, asset: 'EUR', overdraft: null, balance: 0n, ref: null, touched: -1 });
let first = 0;
measure('ledger and outcome texts', () => {
  for (const settlements of parsed) {
    applyBatch({ account: (id) => memory.get(id), earlier: () => undefined }, { region: 'r0', node: 'r0-n0', from: first, first, settlements }, Date.now(), []);
    first += settlements.length;
  }
});
parsed.length = 0;

const store = openSqliteStore(join(folder, 'ledger.db'));
const applier = createApplier({ store, head: await store.head(), now: Date.now, witnessedSize: () => Infinity, onCommit: () => {}, onIncident: (incident) => { throw new Error(incident.detail); } });
await applier.open([...memory.values()].map((a) => ({ account: a.id, asset: 'EUR', overdraft: null })));
const keys = platform.trust.regions.get('r0')!;
const times: number[] = [];
const cpuStart = process.cpuUsage();
const start = performance.now();
for (const frame of frames) {
  const t = performance.now();
  const { header, parts } = decodeFrame(frame);
  await applier.block(header, parts, keys);
  times.push((performance.now() - t) * 1000 / (batch * nodes));
}
const us = (performance.now() - start) * 1000 / count;
const cpu = process.cpuUsage(cpuStart);
console.log(`${'of that, on a processor'.padEnd(34)} ${((cpu.user + cpu.system) / count).toFixed(2).padStart(7)} us (${(cpu.system / count).toFixed(2)} of them in the kernel)`);
console.log(`${'the whole, with durable commit'.padEnd(34)} ${us.toFixed(2).padStart(7)} us = ${Math.round(1e6 / us)} settlements/s (first block ${times[0]!.toFixed(2)}, last ${times.at(-1)!.toFixed(2)} us)`);
console.log(JSON.stringify(applier.counts()));
await applier.stop();
await store.close();
rmSync(folder, { recursive: true });
