import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeFrame, FRAME_TYPE } from '../protocol/index.ts';
import { createHttpClient } from '../shell/index.ts';
import { encodeBundle } from '../transparency/index.ts';
import { json, open, outcomesOf, pay, settle, start, type Bench } from './testing-service.ts';
import { encodeDecisions, fakePlatform, type FakeBlock, type FakeRegion } from './testing.ts';

async function ready(): Promise<{ bench: Bench; region: FakeRegion }> {
  const bench = await start();
  await open(bench, { bank: null, alice: '0' });
  return { bench, region: bench.platform.regions[0]! };
}

const one = (id: string): Buffer[] => encodeDecisions([pay(id, 'bank', 'alice', 1n)]);

/** What was kept of refused requests. */
function evidence(bench: Bench): { kind: string; signed: number }[] {
  const db = new DatabaseSync(join(bench.folder, 'ledger.db'), { readOnly: true });
  const rows = db.prepare('SELECT kind, signed FROM evidence ORDER BY n').all().map((r) => ({ ...r })) as { kind: string; signed: number }[];
  db.close();
  return rows;
}

async function expectRefused(bench: Bench, block: FakeBlock, status: number, code: string, detail: RegExp, signed: boolean | null): Promise<void> {
  const answer = await bench.block(block);
  expect([answer.status, json(answer).code]).toEqual([status, code]);
  expect(json(answer).detail).toMatch(detail);
  expect(evidence(bench)).toEqual(signed === null ? [] : [{ kind: code, signed: signed ? 1 : 0 }]);
  expect(json(await bench.get('/v1/status')).incidents.map((i: { kind: string }) => i.kind)).toEqual(signed === true ? [code] : []);
}

describe('blocks that are refused', () => {
  test('from a region that nobody knows', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const block = await region.block(0, 0);
    block.header.region = 'mars';
    expect(json(await bench.block(block))).toMatchObject({ status: 403, code: 'unknown-region' });
  });

  test('with too few cosignatures', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const block = await region.block(0, 0);
    block.header.checkpoint = await region.checkpoint(1);
    await expectRefused(bench, block, 403, 'no-quorum', /1 of 3 cosigners/, false);
  });

  test('with the cosignatures of another region', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const block = await region.block(0, 0);
    const other = await bench.platform.regions[1]!.checkpoint(3);
    block.header.checkpoint = await region.checkpoint(0) + other.slice(other.indexOf('— ', other.indexOf('— ') + 1));
    await expectRefused(bench, block, 403, 'no-quorum', /0 of 3 cosigners/, false);
  });

  test('under a checkpoint that was changed after it was signed', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const block = await region.block(0, 0);
    block.header.checkpoint = block.header.checkpoint.replace('\n1\n', '\n2\n');
    await expectRefused(bench, block, 403, 'no-quorum', /does not verify/, false);
  });

  test('that leave a gap', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    await region.order('r0-n0', one('s2'));
    const answer = await bench.block(await region.block(1, 0));
    expect(json(answer)).toMatchObject({ status: 409, code: 'gap', applied: 0, size: 0 });
  });

  test('under a fork of the region\'s log, of the same size and of a larger one', async () => {
    const { bench, region } = await ready();
    await settle(bench, region, 'r0-n0', [pay('s1', 'bank', 'alice', 1n)]);
    // The same keys, another history.
    const twin = fakePlatform().regions[0]!;
    await twin.order('r0-n0', one('x1'));
    await expectRefused(bench, await twin.block(0, 0), 409, 'fork', /has signed two logs/, true);
    await twin.order('r0-n0', one('x2'));
    const answer = await bench.block(await twin.block(1, 1));
    expect(json(answer)).toMatchObject({ status: 400, code: 'bad-proof', applied: 1, size: 1 });
    expect(evidence(bench)).toEqual([{ kind: 'fork', signed: 1 }, { kind: 'bad-proof', signed: 0 }]);
  });

  test('with junk for a proof beside an honest checkpoint: that is nothing the region has signed', async () => {
    const { bench, region } = await ready();
    await settle(bench, region, 'r0-n0', [pay('s1', 'bank', 'alice', 1n)]);
    await region.order('r0-n0', one('s2'));
    const block = await region.block(1, 1);
    const junk = { ...block, header: { ...block.header, consistency: [Buffer.alloc(32, 7).toString('base64')] } };
    await expectRefused(bench, junk, 400, 'bad-proof', /not shown to extend/, false);
    expect((await bench.block(block)).status).toBe(200);
  });

  test('whose entries are not those of the checkpoint', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const block = await region.block(0, 0);
    block.header.entries[0] = block.header.entries[0]!.replace('"seq":1', '"seq":2');
    await expectRefused(bench, block, 400, 'bad-block', /entries and checkpoint do not agree/, false);
  });

  test('whose payload is another', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const block = await region.block(0, 0);
    block.parts = [encodeBundle(one('s2'))];
    await expectRefused(bench, block, 400, 'bad-block', /payload's SHA-256/, false);
  });

  test('whose payload all replicas made up: the node has not signed it', async () => {
    const { bench, region } = await ready();
    const forged = encodeBundle(one('forged'));
    await region.order('r0-n0', one('s1'), (entry) => ({ ...entry, digest: hash('sha256', forged, 'base64') }));
    const block = await region.block(0, 0);
    block.parts = [forged];
    await expectRefused(bench, block, 400, 'bad-block', /is not what node r0-n0 has signed at size 1/, true);
  });

  test.each<[string, Parameters<FakeRegion['order']>[2], RegExp]>([
    ['of another region', (e) => ({ ...e, region: 'r1' }), /belongs to region r1/],
    ['of a node of another region', (e) => ({ ...e, node: 'r1-n0' }), /the region has no node r1-n0/],
    ['with another node\'s checkpoint', (e) => ({ ...e, node: 'r0-n1' }), /checkpoint of node r0-n1: .*(none of the known keys|not signed)/],
    ['that is not what the node\'s log goes on with', (e) => ({ ...e, from: 1, size: 2 }), /batch 1..2 of node r0-n0 does not follow on 0/],
    ['that says it is larger than it is', (e) => ({ ...e, size: 2 }), /checkpoint of node r0-n0 is of size 1, expected 2/],
    ['with a checkpoint that is none', (e) => ({ ...e, checkpoint: 'trust me' }), /checkpoint of node r0-n0: signed note/],
  ])('with a batch %s', async (_what, edit, detail) => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'), edit);
    await expectRefused(bench, await region.block(0, 0), 400, 'bad-block', detail, true);
  });

  test('with a header that is malformed', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const good = await region.block(0, 0);
    for (const [field, value] of [
      ['checkpoint', 5], ['from', -1], ['from', 0.5], ['to', 'x'], ['to', 2], ['entries', null], ['entries', [5]], ['range', ['!']], ['range', {}],
      ['consistency', Array.from({ length: 200 }, () => 'A'.repeat(43) + '=')],
    ] as const) {
      const block = { header: { ...good.header, [field]: value }, parts: good.parts } as FakeBlock;
      expect(json(await bench.block(block))).toMatchObject({ status: 400, code: 'bad-block' });
    }
    expect(json(await bench.block({ ...good, parts: [] }))).toMatchObject({ code: 'bad-block', detail: '0 parts for 1 entries: expected one payload each' });
    expect((await bench.block(good)).status).toBe(200);
  });

  test('that are no frame, too large or of the wrong kind', async () => {
    const { bench } = await ready();
    const client = createHttpClient();
    const send = async (body: Buffer, type: string): Promise<unknown> => {
      const answer = await client.call(`${bench.running.url}/v1/blocks`, { method: 'POST', body, type });
      return [answer.status, json(answer).code];
    };
    expect(await send(Buffer.from('no'), FRAME_TYPE)).toEqual([400, 'bad-block']);
    expect(await send(Buffer.alloc(4, 0xff), FRAME_TYPE)).toEqual([400, 'bad-block']);
    expect(await send(Buffer.from('{}'), 'application/json')).toEqual([415, 'unsupported-media-type']);
    expect(await send(Buffer.alloc(17 * 1024 * 1024), FRAME_TYPE)).toEqual([413, 'too-large']);
    await client.close();
  });
});

test('outcomes are cut to the limit that is asked for, and no more than there are', async () => {
  const { bench, region } = await ready();
  await settle(bench, region, 'r0-n0', ['s1', 's2', 's3'].map((id) => pay(id, 'bank', 'alice', 1n)));
  expect((await outcomesOf(bench, 'r0-n0', 0)).entries).toHaveLength(3);
  for (const [from, limit, there] of [[0, 2, 2], [2, 1, 1], [1, 9, 2], [3, 1, 0], [0, 0, 0]] as const) {
    const { header, parts } = decodeFrame((await bench.get(`/v1/nodes/r0-n0/outcomes?from=${from}&limit=${limit}`)).body);
    expect(header['outcomes']).toMatchObject(there === 0 ? [] : [{ from, to: from + there }]);
    expect(parts).toHaveLength(there === 0 ? 0 : 1);
  }
});

describe('blocks that repeat', () => {
  test('a block that was applied is answered again, and moves nothing', async () => {
    const { bench, region } = await ready();
    await region.order('r0-n0', one('s1'));
    const block = await region.block(0, 0);
    const answers = await Promise.all([bench.block(block), bench.block(block), bench.block(block)]);
    expect(answers.map((a) => [a.status, json(a)])).toEqual(answers.map(() => [200, { applied: 1, size: 1 }]));
    expect((await bench.block(block)).status).toBe(200);
    expect(json(await bench.get('/v1/accounts/alice')).balance).toBe('1');
    expect(json(await bench.get('/v1/status')).incidents).toEqual([]);
  });

  test('blocks of several regions and in a row wait together and are all applied', async () => {
    const { bench } = await ready();
    const blocks: FakeBlock[] = [];
    for (const region of bench.platform.regions) {
      for (const n of [0, 1, 2]) {
        await region.order(`${region.id}-n0`, one(`${region.id}-s${n}`));
        blocks.push(await region.block(n, n));
      }
    }
    const answers = await Promise.all(blocks.map((b) => bench.block(b)));
    expect(answers.map((a) => a.status).every((s) => s === 200 || s === 409)).toBe(true);
    // What arrived out of turn is told where to start, and sent again.
    for (const region of bench.platform.regions) {
      const { applied, size } = json(await bench.get(`/v1/regions/${region.id}`));
      expect((await bench.block(await region.block(applied, size))).status).toBe(200);
      expect((await outcomesOf(bench, `${region.id}-n0`, 0)).entries.length).toBeGreaterThan(0);
    }
    expect(json(await bench.get('/v1/accounts/alice')).balance).toBe('6');
  });
});
