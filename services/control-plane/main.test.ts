import { get } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bundlePath, decodeBundle, hashLeaf, openCheckpoint, openNote, parseVerifier, tilePath, verifyProof } from '../transparency/index.ts';
import { json, open, outcomesOf, pay, settle, start } from './testing-service.ts';
import { encodeDecisions, type Asked } from './testing.ts';

describe('settling', () => {
  test('a block becomes final: balances, outcomes, receipt, provenance, tiles, feed', async () => {
    const bench = await start();
    const [region] = bench.platform.regions;
    await open(bench, { bank: null, alice: '0', bob: '0' });
    const answer = await settle(bench, region!, 'r0-n0', [
      pay('s1', 'bank', 'alice', 100n), pay('s2', 'alice', 'bob', 30n), pay('s3', 'bob', 'alice', 31n), pay('s4', 'alice', 'nobody', 1n),
      pay('s5', 'alice', 'bob', 5n, { refused: 'stale-state' }), pay('s2', 'alice', 'bob', 30n), pay('s2', 'alice', 'bob', 29n),
    ]);
    expect([answer.status, json(answer)]).toEqual([200, { applied: 1, size: 1 }]);

    const { entries, checkpoint } = await outcomesOf(bench, 'r0-n0', 0);
    expect(entries.map((e) => [e.instruction.id, e.status, e.reason, e.duplicateOf, e.debitBalance, e.creditBalance])).toEqual([
      ['s1', 'final', undefined, undefined, -100n, 100n],
      ['s2', 'final', undefined, undefined, 70n, 30n],
      ['s3', 'rejected', 'insufficient-funds', undefined, 30n, 70n],
      ['s4', 'rejected', 'account-unknown', undefined, undefined, undefined],
      ['s5', 'rejected', 'stale-state', undefined, 70n, 30n],
      ['s2', 'final', undefined, 4, 70n, 30n],
      ['s2', 'rejected', 'id-conflict', undefined, 70n, 30n],
    ]);
    expect(entries.map((e) => e.index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(entries[4]!.refusedAtEdge).toBe(true);
    const log = parseVerifier(bench.platform.global.signer.vkey);
    expect(openCheckpoint(checkpoint!, log).size).toBe(10);

    expect(json(await bench.get('/v1/accounts/alice'))).toEqual({ account: 'alice', asset: 'EUR', overdraftLimit: '0', posted: '70', pending: '0', balance: '70', asOf: 10 });
    expect(json(await bench.get('/v1/settlements/s2'))).toMatchObject({ id: 's2', state: 'final', node: 'r0-n0', index: 1, globalIndex: 4, amount: '30', debitBalance: '70' });
    expect(json(await bench.get('/v1/settlements/s2'))).toMatchObject({ decidedAt: 1_790_000_000_000, orderedAt: 1_790_000_000_000, finalAt: expect.any(Number) });
    expect(json(await bench.get('/v1/settlements/s3'))).toMatchObject({ state: 'rejected', reason: 'insufficient-funds' });
    expect((await bench.get('/v1/settlements/s9')).status).toBe(404);
    expect(json(await bench.get('/v1/ledger'))).toEqual({ assets: { EUR: { sum: '0', accounts: 3 } }, settlements: 7 });
    expect(json(await bench.get('/v1/assets'))).toEqual({ assets: [{ code: 'EUR', scale: 2 }, { code: 'USD', scale: 2 }, { code: 'CHF', scale: null }] });

    const { entry, node, index, region: from, leaf } = json(await bench.get('/v1/settlements/s2/provenance'));
    expect(leaf).toBe(hashLeaf(Buffer.from(entry)).toString('base64'));
    expect([node, index, from]).toEqual(['r0-n0', 1, 'r0']);
    const receipt = await bench.get('/v1/settlements/s2/receipt');
    expect(verifyProof(receipt.body, { entry: Buffer.from(entry) }, { log, cosigners: bench.platform.regions.flatMap((r) => r.replicas.map((s) => parseVerifier(s.vkey))), quorum: 1 }).index).toBe(4);

    const tile = (await bench.get(`/${tilePath(0, 0, 10)}`)).body;
    const bundle = decodeBundle((await bench.get(`/${bundlePath(0, 10)}`)).body);
    expect(Buffer.concat(bundle.map((e) => hashLeaf(e)))).toEqual(tile);
    expect((await bench.get(`/${tilePath(0, 0, 11)}`)).status).toBe(404);

    const feed = json(await bench.get('/v1/outcomes?limit=5'));
    expect(feed.outcomes.map((o: { id: string; globalIndex: number }) => [o.id, o.globalIndex])).toEqual([['s1', 3], ['s2', 4]]);
    const rest = json(await bench.get(`/v1/outcomes?after=${feed.next}`));
    expect([rest.outcomes.length, rest.next]).toEqual([5, 9]);
    expect(json(await bench.get('/v1/outcomes?after=9'))).toEqual({ outcomes: [], next: 9 });

    const status = json(await bench.get('/v1/status'));
    expect(status).toMatchObject({ tier: 'global', state: 'ready', log: { size: 10 }, counts: { applied: 7, final: 3, rejected: 4, duplicates: 1, accounts: 3, witnessedSize: 10 } });
    expect((await bench.get('/metrics')).body.toString()).toContain('tidemark_global_outcomes_total{status="final"} 3');
  });

  test('outcomes from the middle of a batch on, of nothing new, and of unknown nodes', async () => {
    const bench = await start();
    const [region] = bench.platform.regions;
    await open(bench, { bank: null, alice: '0' });
    const five = (prefix: string): Asked[] => Array.from({ length: 5 }, (_, i) => pay(`${prefix}${i}`, 'bank', 'alice', 1n));
    await settle(bench, region!, 'r0-n0', five('a'));
    await settle(bench, region!, 'r0-n1', five('b'));
    await settle(bench, region!, 'r0-n0', five('c'));
    await bench.witnessed(17);
    const { entries, ranges } = await outcomesOf(bench, 'r0-n0', 3);
    expect(entries.map((e) => e.instruction.id)).toEqual(['a3', 'a4', 'c0', 'c1', 'c2', 'c3', 'c4']);
    expect(ranges.map((r) => [r.from, r.to, r.start])).toEqual([[3, 5, 5], [5, 10, 12]]);
    expect((await outcomesOf(bench, 'r0-n0', 10, 0)).entries).toEqual([]);
    expect((await bench.get('/v1/nodes/nobody/outcomes?from=0&wait=0')).status).toBe(404);
    expect((await bench.get('/v1/nodes/r0-n0/outcomes?from=-1')).status).toBe(400);
  });

  test('whoever waits for outcomes hears of them when they are witnessed, and not before', async () => {
    const bench = await start();
    const [region] = bench.platform.regions;
    await open(bench, { bank: null, alice: '0' });
    await bench.witnessed(2);
    for (const w of bench.witnesses.flat()) w.behave('stalled');
    const waiting = outcomesOf(bench, 'r0-n0', 0);
    await settle(bench, region!, 'r0-n0', [pay('s1', 'bank', 'alice', 10n)]);
    expect(json(await bench.get('/v1/settlements/s1'))).toMatchObject({ state: 'ordered' });
    expect((await bench.get('/v1/settlements/s1/receipt')).status).toBe(409);
    expect(json(await bench.get('/v1/accounts/alice'))).toMatchObject({ posted: '0', pending: '10', balance: '10' });
    expect((await outcomesOf(bench, 'r0-n0', 0, 0)).entries).toEqual([]);
    for (const w of bench.witnesses[1]!) w.behave('honest');
    expect((await waiting).entries.map((e) => e.instruction.id)).toEqual(['s1']);
    expect(json(await bench.get('/v1/accounts/alice'))).toMatchObject({ posted: '10', pending: '0', balance: '10' });
  });

  test('a signed statement about accounts', async () => {
    const bench = await start();
    await open(bench, { bank: null, alice: '50' });
    const nonce = '0123456789abcdef'.repeat(2);
    const answer = await bench.post('/v1/accounts/query', { accounts: ['alice', 'nobody', 'bank'], nonce });
    const log = parseVerifier(bench.platform.global.signer.vkey);
    const [title, origin, size, at, echoed, states, opened, end] = openNote(answer.body, [log]).text.split('\n');
    expect([title, origin, size, echoed, opened, end]).toEqual(['tidemark account states v1', log.name, '2', nonce, '0', '']);
    expect(Number(at)).toBeGreaterThan(1.7e12);
    expect(states).toBe('[{"account":"alice","asOf":2,"asset":"EUR","balance":"0","overdraft":"50"},{"account":"nobody","unknown":true},'
      + '{"account":"bank","asOf":2,"asset":"EUR","balance":"0","overdraft":null}]');
    expect((await bench.post('/v1/accounts/query', { accounts: [] })).status).toBe(400);
    expect((await bench.post('/v1/accounts/query', { accounts: [], nonce })).status).toBe(200);
    const later = await bench.post('/v1/accounts/query', { accounts: [], nonce, openedAfter: 1 });
    expect(openNote(later.body, [log]).text.split('\n').slice(5)).toEqual(['[{"account":"alice","asOf":2,"asset":"EUR","balance":"0","overdraft":"50"}]', '2', '']);
    expect((await bench.post('/v1/accounts/query', { accounts: ['"},{'], nonce })).status).toBe(400);
  });
});

describe('carrying on', () => {
  test('after a restart everything is as it was, and goes on', async () => {
    const bench = await start();
    const [region] = bench.platform.regions;
    await open(bench, { bank: null, alice: '0', bob: '0' });
    await settle(bench, region!, 'r0-n0', [pay('s1', 'bank', 'alice', 100n), pay('s2', 'bank', 'bob', 7n)]);
    await bench.witnessed(5);
    for (const w of bench.witnesses.flat()) w.behave('stalled');
    await settle(bench, region!, 'r0-n1', [pay('s3', 'alice', 'bob', 40n), pay('s4', 'bob', 'bob', 1n)]);
    await bench.restart();
    expect(json(await bench.get('/v1/regions/r0'))).toEqual({ id: 'r0', applied: 2, size: 2 });
    expect(json(await bench.get('/v1/accounts/alice'))).toMatchObject({ posted: '100', pending: '-40', balance: '60' });
    expect(json(await bench.get('/v1/accounts/bob'))).toMatchObject({ posted: '7', pending: '40', balance: '47' });
    expect(json(await bench.get('/v1/settlements/s1'))).toMatchObject({ state: 'final' });
    expect(json(await bench.get('/v1/settlements/s3'))).toMatchObject({ state: 'ordered' });
    expect((await outcomesOf(bench, 'r0-n0', 0)).entries.length).toBe(2);
    expect((await outcomesOf(bench, 'r0-n1', 0, 0)).entries).toEqual([]);
    for (const w of bench.witnesses.flat()) w.behave('honest');
    expect((await outcomesOf(bench, 'r0-n1', 0)).entries.map((e) => e.instruction.id)).toEqual(['s3', 's4']);
    expect(json(await bench.get('/v1/accounts/alice'))).toMatchObject({ posted: '60', pending: '0' });
    expect((await settle(bench, region!, 'r0-n0', [pay('s1', 'bank', 'alice', 100n), pay('s5', 'bob', 'alice', 47n)])).status).toBe(200);
    expect((await outcomesOf(bench, 'r0-n0', 2)).entries.map((e) => [e.status, e.duplicateOf])).toEqual([['final', 3], ['final', undefined]]);
    expect(json(await bench.get('/v1/status'))).toMatchObject({ counts: { applied: 6, final: 6, duplicates: 1, accounts: 3 } });
  });

  test('an entry that is no decision halts its node, not its region', async () => {
    const bench = await start();
    const [region] = bench.platform.regions;
    await open(bench, { bank: null, alice: '0' });
    await region!.order('r0-n0', [...encodeDecisions([pay('s1', 'bank', 'alice', 1n)]), Buffer.from('{"v":1}')]);
    await region!.order('r0-n1', encodeDecisions([pay('s2', 'bank', 'alice', 2n)]));
    expect(json(await bench.block(await region!.block(0, 0)))).toEqual({ applied: 2, size: 2 });
    expect((await outcomesOf(bench, 'r0-n1', 0)).entries.length).toBe(1);
    await settle(bench, region!, 'r0-n0', [pay('s3', 'bank', 'alice', 4n)]);
    await bench.restart();
    expect((await settle(bench, region!, 'r0-n0', [pay('s4', 'bank', 'alice', 8n)])).status).toBe(200);
    expect((await outcomesOf(bench, 'r0-n0', 0, 0)).entries).toEqual([]);
    expect(json(await bench.get('/v1/accounts/alice'))).toMatchObject({ balance: '2' });
    const status = json(await bench.get('/v1/status'));
    expect(status).toMatchObject({ state: 'ready', counts: { applied: 1, haltedNodes: 1 } });
    expect(status.incidents).toEqual([{ at: expect.any(Number), kind: 'node-halted', detail: expect.stringContaining('node r0-n0 of region r0: entry 1 of its log is no decision') }]);
  });
});

describe('accounts', () => {
  test('are opened once, and keep their asset', async () => {
    const bench = await start();
    expect((await bench.put('/v1/accounts/alice', { asset: 'EUR', overdraftLimit: '5' }, 'wrong')).status).toBe(401);
    const created = await bench.put('/v1/accounts/alice', { asset: 'EUR', overdraftLimit: '5' });
    expect([created.status, json(created)]).toEqual([201, { account: 'alice', asset: 'EUR', overdraftLimit: '5', posted: '0', pending: '0', balance: '0', asOf: 1 }]);
    expect((await bench.put('/v1/accounts/alice', { asset: 'EUR', overdraftLimit: '5' })).status).toBe(200);
    expect(json(await bench.put('/v1/accounts/alice', { asset: 'EUR', overdraftLimit: null }))).toMatchObject({ overdraftLimit: null, asOf: 2 });
    expect(json(await bench.put('/v1/accounts/alice', { asset: 'USD', overdraftLimit: null }))).toMatchObject({ code: 'asset-mismatch', status: 409 });
    expect(json(await bench.put('/v1/accounts/zed', { asset: 'XXX', overdraftLimit: null }))).toMatchObject({ code: 'unknown-asset', status: 400 });
    const bulk = json(await bench.post('/v1/accounts', { accounts: [
      { account: 'alice', asset: 'EUR', overdraftLimit: null }, { account: 'bob', asset: 'EUR', overdraftLimit: '0' },
      { account: 'bob', asset: 'EUR', overdraftLimit: '0' }, { account: 'alice', asset: 'CHF', overdraftLimit: null },
    ] }));
    expect(bulk.accounts.map((a: { status: number }) => a.status)).toEqual([200, 201, 200, 409]);
    expect(json(await bench.get('/v1/status')).log.size).toBe(3);
    const page = json(await bench.get('/v1/accounts?limit=1'));
    expect([page.accounts.map((a: { account: string }) => a.account), page.next]).toEqual([['alice'], 'alice']);
    expect(json(await bench.get('/v1/accounts?after=alice')).accounts.map((a: { account: string }) => a.account)).toEqual(['bob']);
  });

  test.each([
    ['an amount for a limit', { asset: 'EUR', overdraftLimit: 5 }], ['a negative limit', { asset: 'EUR', overdraftLimit: '-5' }],
    ['a limit beyond 64 bits', { asset: 'EUR', overdraftLimit: '9'.repeat(19) }], ['no limit', { asset: 'EUR' }], ['no asset', { overdraftLimit: null }],
    ['an asset of small letters', { asset: 'eur', overdraftLimit: null }], ['an unknown field', { asset: 'EUR', overdraftLimit: null, balance: '5' }], ['a list', []],
  ])('refuses %s', async (_what, body) => {
    const bench = await start();
    expect(json(await bench.put('/v1/accounts/alice', body))).toMatchObject({ status: 400, code: 'invalid-request' });
    expect((await bench.get('/v1/accounts/alice')).status).toBe(404);
  });

  test('an id that is none, a body that is no JSON, a name twice', async () => {
    const bench = await start();
    expect((await bench.put('/v1/accounts/%22', { asset: 'EUR', overdraftLimit: null })).status).toBe(400);
    expect((await bench.put(`/v1/accounts/${'a'.repeat(129)}`, { asset: 'EUR', overdraftLimit: null })).status).toBe(400);
    expect(json(await bench.post('/v1/accounts', '{"accounts":'))).toMatchObject({ code: 'malformed-json' });
    expect(json(await bench.post('/v1/accounts', '{"accounts":[],"accounts":[]}'))).toMatchObject({ code: 'duplicate-key' });
    expect((await bench.post('/v1/accounts', { accounts: Array.from({ length: 10_001 }, (_, i) => ({ account: `a${i}`, asset: 'EUR', overdraftLimit: null })) })).status).toBe(400);
  });
});

test('JSON is compressed for who takes it; tiles, checkpoints and what is told live are not', async () => {
  const bench = await start();
  const ask = (path: string): Promise<{ readonly encoding: string | undefined; readonly body: Buffer }> => new Promise((resolve, reject) => {
    get(`${bench.running.url}${path}`, { headers: { 'accept-encoding': 'br, gzip' } }, (response) => {
      const encoding = response.headers['content-encoding'];
      // What is told live has no end.
      const body = path === '/v1/live' ? Promise.resolve(Buffer.alloc(0)) : buffer(response);
      body.then((bytes) => resolve({ encoding, body: bytes }), reject).finally(() => response.destroy());
    }).on('error', reject);
  });
  const { encoding, body } = await ask('/openapi.json');
  expect(encoding).toBe('br');
  expect(brotliDecompressSync(body).toString()).toBe((await bench.get('/openapi.json')).body.toString());
  for (const path of ['/healthz', '/v1/live', '/metrics', '/checkpoint']) expect((await ask(path)).encoding, path).toBeUndefined();
});
