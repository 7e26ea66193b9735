/** What every adapter of {@link LedgerStore} must do; each adapter's tests run this suite. */
import { afterEach, describe, expect, test } from 'vitest';
import { encodeOutcome, type OutcomeEntry } from '../protocol/index.ts';
import { bundleLeafHashes, decodeBundle, encodeBundle, Frontier, hashLeaf, verifyConsistency, verifyInclusion, verifyRange } from '../transparency/index.ts';
import type { Account } from './core/ledger.ts';
import { packTimes } from './core/times.ts';
import type { Changes, Found, LedgerStore } from './store.ts';

/** Opens the same store again each time it is called with the same name. */
export type OpenStore = (name: string) => Promise<LedgerStore>;

const NOTHING: Changes = {
  bundles: [], accounts: [], regions: [], nodes: [], ranges: [], traces: [], incidents: [],
  counts: { applied: 0, final: 0, rejected: 0, duplicates: 0, accounts: 0 },
};

const outcome = (id: string, index: number, more: Partial<OutcomeEntry> = {}): string => encodeOutcome({
  type: 'outcome', instruction: { id, asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: 5n }, region: 'r', node: 'n', index, status: 'final', at: 7, ...more,
});
const bundleOf = (entries: readonly string[]): { bundle: Uint8Array; count: number } => ({ bundle: encodeBundle(entries.map((e) => Buffer.from(e))), count: entries.length });
const account = (id: string, balance: bigint, more: Partial<Account> = {}): Account => ({ id, asset: 'EUR', overdraft: 0n, balance, ref: null, touched: -1, ...more });

export function storeContract(adapter: string, openStore: OpenStore): void {
  describe(`${adapter} keeps the contract of LedgerStore`, () => {
    let store: LedgerStore;
    const fresh = async (): Promise<LedgerStore> => (store = await openStore('one'));
    afterEach(() => store.close());

    /** Commits an outcome for each id; returns what was found. */
    const put = async (ids: readonly string[], changes: Partial<Changes> = {}): Promise<Found> => {
      let found: Found | undefined;
      const { size } = await store.head();
      await store.commit({ ids, accounts: [] }, (f) => {
        found = f;
        return { ...NOTHING, bundles: [bundleOf(ids.map((id, i) => outcome(id, size + i)))], ...changes };
      });
      return found!;
    };

    test('an empty store', async () => {
      await fresh();
      expect(await store.head()).toMatchObject({ size: 0, witnessed: null, regions: [], nodes: [], counts: NOTHING.counts });
      expect([await store.account('a'), await store.settlement('s'), await store.totals(), await store.ranges('n', 0, 9)]).toEqual([null, null, [], []]);
    });

    test('everything of a commit is there after it is opened again', async () => {
      await fresh();
      const log = Frontier.empty();
      log.append(hashLeaf(Buffer.from('x')));
      const changes: Partial<Changes> = {
        accounts: [account('a', -5n, { overdraft: null }), account('b', 5n)],
        regions: [{ id: 'r', applied: 3, size: 4, root: Buffer.alloc(32, 7), checkpoint: 'note' }],
        nodes: [{ id: 'n', region: 'r', log: log.encode(), haltedAt: 9, haltedWhy: 'why' }],
        ranges: [{ node: 'n', from: 0, to: 2, start: 0, orderedAt: 9, decidedAt: packTimes([7, 5]) }], traces: [{ index: 1, trace: 'of s2' }], incidents: [{ at: 1, kind: 'k', detail: 'd' }],
        counts: { applied: 2, final: 2, rejected: 0, duplicates: 0, accounts: 2 },
      };
      await put(['s1', 's2'], changes);
      await store.setWitnessed(2, 'witnessed note\n');
      const before = await store.head();
      await store.close();
      await fresh();
      expect(await store.head()).toEqual(before);
      expect(before).toMatchObject({ size: 2, witnessed: { size: 2, note: 'witnessed note\n' }, counts: changes.counts, nodes: [{ id: 'n', haltedAt: 9, haltedWhy: 'why' }] });
      expect(Frontier.decode(before.nodes[0]!.log).size).toBe(1);
      expect(Buffer.from(before.regions[0]!.root)).toEqual(Buffer.alloc(32, 7));
      expect(await store.account('a')).toMatchObject({ asset: 'EUR', overdraft: null, balance: -5n });
      expect([await store.settlement('s1'), await store.settlement('s2'), await store.settlement('s3')]).toEqual([0, 1, null]);
      expect(await store.incidents(9)).toEqual([{ at: 1, kind: 'k', detail: 'd' }]);
      expect([await store.trace(0), await store.trace(1)]).toEqual([null, 'of s2']);
      expect([await store.tracesSince(0, 9), await store.tracesSince(2, 9), await store.tracesSince(0, 0)]).toEqual([[{ index: 1, trace: 'of s2' }], [], []]);
    });

    test('a commit whose decision throws leaves nothing, and the next one works', async () => {
      await fresh();
      await put(['s1']);
      const before = await store.head();
      await expect(store.commit({ ids: ['s2'], accounts: [] }, () => {
        throw new Error('no');
      })).rejects.toThrow('no');
      // The log's part is written first, then an account whose id is taken makes the rest fail.
      const twice = [account('a', 1n), account('a', 2n)];
      await expect(put(['s3'], { accounts: twice })).rejects.toThrow();
      expect(await store.head()).toEqual(before);
      expect([await store.settlement('s2'), await store.settlement('s3'), await store.account('a')]).toEqual([null, null, null]);
      expect((await put(['s2', 's3'])).earlier.size).toBe(0);
      expect([await store.settlement('s2'), await store.settlement('s3')]).toEqual([1, 2]);
    });

    test('finds the first outcome of an id, from before and from the same commit', async () => {
      await fresh();
      await put(['s1', 's2', 's1']);
      const { earlier } = await put(['s3', 's2', 's3', 's4', 's2', 's1']);
      expect([...earlier].sort((x, y) => x[0] - y[0]).map(([place, e]) => [place, e.index, e.outcome?.id ?? null])).toEqual([[1, 1, 's2'], [2, 3, null], [4, 1, 's2'], [5, 0, 's1']]);
      expect(earlier.get(1)!.outcome).toEqual({ index: 1, id: 's2', asset: 'EUR', debit: 'a', credit: 'b', amount: '5', reason: null });
      expect(await store.settlement('s1')).toBe(0);
    });

    test('accounts: changed in place, listed in order of id, added up', async () => {
      await fresh();
      const big = 9_223_372_036_854_775_807n;
      const list = ['c', 'a', 'b', 'B', 'a.1'].map((id) => account(id, 1n));
      await put(['s1'], { accounts: [...list, account('usd-1', big, { asset: 'USD' }), account('usd-2', big, { asset: 'USD' }), account('usd-3', -big, { asset: 'USD', overdraft: null })] });
      const [a] = list.filter((x) => x.id === 'a');
      expect(list.every((x) => typeof x.ref === 'number')).toBe(true);
      a!.balance = -7n;
      a!.overdraft = 50n;
      await put(['s2'], { accounts: [a!] });
      expect((await store.accounts('', 3)).map((x) => x.id)).toEqual(['B', 'a', 'a.1']);
      expect((await store.accounts('a.1', 2)).map((x) => x.id)).toEqual(['b', 'c']);
      const first = await store.openedAfter(0, 2);
      const rest = await store.openedAfter(first.at(-1)!.ref!, 100);
      expect([...first, ...rest].map((x) => x.id).toSorted()).toEqual((await store.accounts('', 100)).map((x) => x.id).toSorted());
      expect(await store.openedAfter(rest.at(-1)!.ref!, 100)).toEqual([]);
      expect(await store.totals()).toEqual([{ asset: 'EUR', sum: -3n, accounts: 5 }, { asset: 'USD', sum: big, accounts: 3 }]);
      let found: Found | undefined;
      await store.commit({ ids: [], accounts: ['a', 'nobody', 'c'] }, (f) => {
        found = f;
        return NOTHING;
      });
      expect(found!.accounts.map((x) => [x.id, x.balance, x.overdraft, x.ref])).toEqual([['a', -7n, 50n, a!.ref], ['c', 1n, 0n, expect.any(Number)]]);
    });

    test('ranges of outcomes by node, and by place in the log', async () => {
      await fresh();
      const ranges = [{ node: 'n', from: 0, to: 2, start: 0 }, { node: 'm', from: 0, to: 1, start: 2 }, { node: 'n', from: 2, to: 5, start: 3 }];
      await put(['1', '2', '3', '4', '5', '6'], { ranges: ranges.map((r, i) => ({ ...r, orderedAt: 100 + i, decidedAt: packTimes(Array.from({ length: r.to - r.from }, (_, k) => 10 * i + k)) })) });
      expect(await Promise.all([0, 1, 2, 5, 6].map((index) => store.times(index)))).toEqual([
        { orderedAt: 100, decidedAt: 0 }, { orderedAt: 100, decidedAt: 1 }, { orderedAt: 101, decidedAt: 10 }, { orderedAt: 102, decidedAt: 22 }, null,
      ]);
      expect(await store.ranges('n', 0, 9)).toEqual([ranges[0], ranges[2]]);
      expect(await store.ranges('n', 1, 1)).toEqual([ranges[0]]);
      expect(await store.ranges('n', 2, 9)).toEqual([ranges[2]]);
      expect(await store.ranges('n', 5, 9)).toEqual([]);
      expect(await store.rangesSince(2)).toEqual([ranges[1], ranges[2]]);
    });

    test('the log proves itself', async () => {
      await fresh();
      const ids = Array.from({ length: 700 }, (_, i) => `s${i}`);
      await put(ids.slice(0, 300));
      const rootBefore = (await store.head()).root;
      await put(ids.slice(300));
      const { size, root } = await store.head();
      verifyConsistency(300, rootBefore, size, root, await store.consistencyProof(300, size));
      expect(Buffer.from(await store.rootAt(300))).toEqual(Buffer.from(rootBefore));
      const [entry] = decodeBundle(await store.entries(299, 300));
      verifyInclusion(hashLeaf(entry!), 299, size, await store.inclusionProof(299, size), root);
      const range = await store.entries(290, 310);
      verifyRange(bundleLeafHashes(range).hashes, 290, size, await store.rangeProof(290, 310, size), root);
      expect(Buffer.from(await store.tile(0, 1, 256))).toEqual(Buffer.concat(decodeBundle(await store.bundle(1, 256)).map((e) => hashLeaf(e))));
      expect((await store.tile(1, 0, 2)).length).toBe(64);
    });

    test('evidence is an incident when it is signed, and the same request is kept once', async () => {
      await fresh();
      const incident = { at: 5, kind: 'fork', detail: 'two logs' };
      await store.keepEvidence(incident, Buffer.from('bytes'), true);
      await store.keepEvidence(incident, Buffer.from('bytes'), true);
      await store.keepEvidence({ ...incident, kind: 'no-quorum' }, Buffer.from('others'), false);
      await store.addIncident({ at: 6, kind: 'witness-ahead', detail: 'x' });
      expect((await store.incidents(9)).map((i) => i.kind)).toEqual(['witness-ahead', 'fork']);
      await store.addIncident({ at: 7, kind: 'fork', detail: 'y', scope: 'region:eu' });
      const [first, ...later] = await store.incidentsAfter(0, 9);
      expect(first).toMatchObject({ at: 5, kind: 'fork', scope: 'global' });
      expect(later.map(({ kind, scope }) => [kind, scope])).toEqual([['witness-ahead', 'global'], ['fork', 'region:eu']]);
      expect(await store.incidentsAfter(first!.n, 1)).toEqual(later.slice(0, 1));
      expect(await store.incidentsAfter(later.at(-1)!.n, 9)).toEqual([]);
    });
  });
}
