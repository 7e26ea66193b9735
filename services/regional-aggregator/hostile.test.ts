import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame, FRAME_TYPE } from '../protocol/index.ts';
import {
  addSignatures, encodeBundle, formatAddCheckpoint, openCheckpointWithQuorum, signCheckpoint,
} from '../transparency/index.ts';
import { MESSAGE_MAX } from './core/batch.ts';
import { createBed, edgeLog, eventually, http, ORIGIN, post, status, testSigner, type Bed, type Reply } from './testing.ts';

let bed: Bed;
let url: string;
const a = edgeLog('a');
const code = (r: Reply): unknown => [r.status, r.json()['code']];

beforeAll(async () => {
  bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a', 'b'] });
  ({ url } = await bed.start(0));
  a.append(20);
  await post(url, await a.batch(0, 20));
});
afterAll(() => bed.close());

describe('POST /v1/batches', () => {
  it.each<[string, number, string, () => Promise<Buffer> | Buffer]>([
    ['nothing', 400, 'bad-batch', () => Buffer.alloc(0)],
    ['junk', 400, 'bad-batch', () => Buffer.from('junk, and a little more of it')],
    ['a header of 4 GB', 400, 'bad-batch', () => Buffer.from('ffffffff7b7d', 'hex')],
    ['a header that is no object', 400, 'bad-batch', () => Buffer.concat([Buffer.from([0, 0, 0, 4]), Buffer.from('null')])],
    ['a header that is not UTF-8', 400, 'bad-batch', () => Buffer.from('00000002fffe', 'hex')],
    ['a frame that is cut off', 400, 'bad-batch', async () => (await edgeLog('a').batch(0, 0)).subarray(0, 50)],
    ['two parts', 400, 'bad-batch', () => encodeFrame({ node: 'a', from: 0, size: 1, checkpoint: 'x', proof: [] }, [Buffer.alloc(2), Buffer.alloc(2)])],
    ['bytes after the parts', 400, 'bad-batch', async () => Buffer.concat([await a.batch(10, 20), Buffer.from('x')])],
    ['a node of nobody', 403, 'unknown-node', async () => {
      const log = edgeLog('nobody');
      log.append(3);
      return log.batch(0, 3);
    }],
    ['a node named like a property', 403, 'unknown-node', () => encodeFrame({ node: '__proto__', from: 0, size: 1, checkpoint: 'x', proof: [] }, [Buffer.alloc(2)])],
    ['another node\'s key', 403, 'bad-signature', async () => {
      const log = edgeLog('a', testSigner(`${ORIGIN}/edge/b`).signer);
      log.append(25);
      return log.batch(20, 25);
    }],
    ['another node\'s log', 403, 'bad-signature', async () => {
      const log = edgeLog('b');
      log.append(5);
      return log.batch(0, 5, { header: { node: 'a' } });
    }],
    ['a checkpoint that is no note', 403, 'bad-signature', () => a.batch(10, 20, { header: { checkpoint: '\u2014 \ud800\n\n' } })],
    ['entries that are cut off', 400, 'bad-batch', () => {
      const more = edgeLog('a');
      more.append(25);
      return more.batch(20, 25, { payload: encodeBundle(more.entries.slice(20)).subarray(0, -1) });
    }],
    ['a gap', 409, 'gap', () => {
      const more = edgeLog('a');
      more.append(40);
      return more.batch(30, 40);
    }],
    ['a fork', 409, 'fork', () => {
      const other = edgeLog('a');
      other.append(20, 'other');
      return other.batch(10, 20);
    }],
    ['a rollback', 409, 'rollback', () => {
      const other = edgeLog('a');
      other.append(12, 'other');
      return other.batch(10, 12);
    }],
  ])('%s: %i %s', async (_what, status_, code_, frame) => {
    const reply = await post(url, await frame());
    expect(code(reply)).toEqual([status_, code_]);
    expect(reply.headers.get('content-type')).toContain('application/problem+json');
    expect(reply.json()['detail']).toBeTypeOf('string');
    if (code_ === 'gap') expect(reply.json()['size']).toBe(20);
    expect((await status(url)).counts).toMatchObject({ batches: 1, entries: 20 });
  });

  it('keeps evidence of each, once, without the payloads, and of nobody without end', async () => {
    const before = (await http(`${url}/v1/evidence`)).json()['evidence'] as { who: string; kind: string; document: string; known: string | null }[];
    expect(new Set(before.map((e) => e.kind))).toEqual(
      new Set(['bad-batch', 'unknown-node', 'bad-signature', 'gap', 'fork', 'rollback']),
    );
    expect(before.find((e) => e.kind === 'fork')).toMatchObject({ who: 'a', known: expect.stringContaining('"size":20') });
    for (let i = 0; i < 80; i += 1) await post(url, Buffer.from(`junk ${i % 70}`));
    const after = (await http(`${url}/v1/evidence`)).json()['evidence'] as typeof before;
    expect(after.filter((e) => e.who === '?' && e.kind === 'bad-batch').length).toBeLessThanOrEqual(50);
    for (const e of before.filter(({ who }) => who === 'a')) expect(after).toContainEqual(e);
  });

  it('junk in a node\'s name does not keep what the node did from being kept', async () => {
    for (let i = 0; i < 70; i += 1) {
      await post(url, await a.batch(10, 20, { header: { checkpoint: `junk ${i}` } }));
      await post(url, await a.batch(10, 20, { header: { from: 21 + i, size: 200 } }));
    }
    const other = edgeLog('a');
    other.append(15, 'another one');
    // The same signed checkpoint in many covers is one piece.
    for (const from of [9, 10, 11]) expect(code(await post(url, await other.batch(from, 15)))).toEqual([409, 'rollback']);
    const { evidence } = (await http(`${url}/v1/evidence`)).json() as { evidence: { who: string; kind: string; document: string }[] };
    const signed = await other.checkpoint(15);
    expect(evidence.filter((e) => e.document.includes(JSON.stringify(signed))).map((e) => [e.who, e.kind])).toEqual([['a', 'rollback']]);
    expect(evidence.filter((e) => e.who === 'a' && (e.kind === 'bad-signature' || e.kind === 'bad-batch'))).toEqual([]);
  });

  it('other media types and sizes', async () => {
    expect(code(await http(`${url}/v1/batches`, { body: '{}', type: 'application/json' }))).toEqual(
      [415, 'unsupported-media-type'],
    );
    expect(code(await http(`${url}/v1/batches`, { body: 'x', type: 'application/octet-stream' }))).toEqual(
      [415, 'unsupported-media-type'],
    );
    expect(code(await post(url, Buffer.alloc(MESSAGE_MAX + 1)))).toEqual([413, 'too-large']);
  });

  it('a batch the region has: 200, however often and however cut', async () => {
    for (const [from, to] of [[0, 20], [0, 20], [0, 7], [5, 20], [19, 20]] as const) {
      expect((await post(url, await a.batch(from, to))).json()).toEqual({ size: 20 });
    }
    const more = edgeLog('b');
    more.append(30);
    const replies = await Promise.all(
      [more.batch(0, 30), more.batch(0, 10), more.batch(0, 20)].map(async (f) => post(url, await f)),
    );
    for (const r of replies) expect(r.status).toBe(200);
    expect((await post(url, await more.batch(0, 30))).json()).toEqual({ size: 30 });
  });

  it('a body that is announced and never comes does not keep others from being served', async () => {
    const { port } = new URL(url);
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: ${FRAME_TYPE}\r\ncontent-length: 8000000\r\n\r\nabc`);
      return socket;
    });
    expect((await post(url, await a.batch(0, 20))).json()).toEqual({ size: 20 });
    sockets.forEach((s) => s.destroy());
    await eventually(
      'they are forgotten', async () => /receiving_bytes\S* 0\n/.test((await http(`${url}/metrics`)).body.toString()),
    );
  });
});

describe('the other routes', () => {
  it.each([
    ['/v1/nodes/nobody/down', 404, 'unknown-node'], ['/v1/nodes/a/down?ordered=-1', 400, 'invalid-request'], ['/v1/nodes/a/down?wait=1e3', 400, 'invalid-request'],
    ['/v1/nodes/a/down?final=99999999999999999', 400, 'invalid-request'], ['/v1/nodes/a/down?x=1', 400, 'invalid-request'],
    ['/v1/nodes/a%2Fb/down', 400, 'invalid-request'], ['/tile/0/001', 404, 'no-such-tile'], ['/nothing', 404, 'not-found'],
  ])('%s: %i %s', async (path, status_, code_) => {
    expect(code(await http(url + path))).toEqual([status_, code_]);
  });

  it.each(['{"accounts":[]}', '{"accounts":["a b"]}', '{"accounts":"a"}', '{}', '[', '{"accounts":["a"],"accounts":["b"]}', `{"accounts":${JSON.stringify(Array(1001).fill('a'))}}`])('POST /v1/accounts/query %#', async (body) => {
    expect((await http(`${url}/v1/accounts/query`, { body, type: 'application/json' })).status).toBe(400);
  });

  it('a client that hangs up while it waits leaves nothing behind', async () => {
    const abort = new AbortController();
    const waiting = http(`${url}/v1/nodes/a/down?ordered=20&wait=30000`, { signal: abort.signal }).catch(() => null);
    const waiters = async (): Promise<string | undefined> => /waiters\S* (\d+)/.exec((await http(`${url}/metrics`)).body.toString())?.[1];
    await eventually('it waits', async () => (await waiters()) === '1');
    abort.abort();
    await waiting;
    await eventually('it is gone', async () => (await waiters()) === '0');
  });

  it('describes itself', async () => {
    expect((await http(`${url}/openapi.json`)).json()).toMatchObject({ openapi: '3.1.0' });
    expect((await http(`${url}/healthz`)).status).toBe(200);
    expect((await http(`${url}/readyz`)).status).toBe(200);
    expect(await status(url)).toMatchObject({ id: 'eu', tier: 'region', replica: 0, log: { origin: `${ORIGIN}/region/eu` } });
  });
});

describe('POST /add-checkpoint (C2SP tlog-witness)', () => {
  const log = edgeLog('global', testSigner(`${ORIGIN}/global`).signer);
  const add = (body: string, type = 'text/plain'): Promise<Reply> => http(`${url}/add-checkpoint`, { body, type });
  const request = async (oldSize: number, size: number, from = log): Promise<string> =>
    formatAddCheckpoint(
      { oldSize, proof: oldSize === 0 || oldSize >= size ? [] : from.proof(oldSize, size), checkpoint: await from.checkpoint(size) },
    );

  it('cosigns what is consistent, whatever media type it comes as, and remembers across a restart', async () => {
    log.append(50);
    const first = await add(await request(0, 10), 'application/octet-stream');
    expect(first.status).toBe(200);
    const opened = openCheckpointWithQuorum(
      addSignatures(await log.checkpoint(10), first.body.toString()), bed.trust.global, bed.trust.regions.get('eu')!.replicas, 1,
    );
    expect(opened.cosigners).toEqual([`${ORIGIN}/region/eu/replica/0`]);
    expect((await add(await request(10, 50))).status).toBe(200);
    expect((await add(await request(50, 50))).status).toBe(200);
    await bed.stop(0);
    ({ url } = await bed.start(0));
    const stale = await add(await request(10, 20));
    expect([stale.status, stale.body.toString(), stale.headers.get('content-type')]).toEqual([409, '50\n', 'text/x.tlog.size']);
  });

  it('refuses as the specification says', async () => {
    const other = edgeLog('global', log.signer);
    other.append(60, 'other');
    expect((await add(await request(50, 60, other))).status).toBe(422);
    const same = edgeLog('global', log.signer);
    same.append(50, 'same size');
    expect((await add(await request(50, 50, same))).status).toBe(409);
    const stranger = testSigner('stranger.example/log').signer;
    expect((await add(`old 0\n\n${await signCheckpoint({ origin: stranger.name, size: 1, root: log.root() }, stranger)}`)).status).toBe(
      404,
    );
    const forged = testSigner(`${ORIGIN}/global`).signer;
    const checkpoint = (await signCheckpoint({ origin: forged.name, size: 51, root: log.root() }, forged)).replace(
      '\n51\n', '\n52\n',
    );
    expect((await add(`old 50\n\n${checkpoint}`)).status).toBe(403);
    log.append(1);
    expect((await add((await request(0, 51)).replace('old 0', 'old 52'))).status).toBe(400);
    for (const body of ['', 'old', 'old 01\n\nx', 'old 1\nAAAA\n\nx', 'x'.repeat(1_000)]) expect((await add(body)).status).toBe(
      400,
    );
    expect((await add('x'.repeat(70_000))).status).toBe(413);
  });
});
