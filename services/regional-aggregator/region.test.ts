import { hash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeBatch, decodeFrame, encodeFrame, FRAME_TYPE } from '../protocol/index.ts';
import {
  addSignatures, cosign, encodeBundle, generateSigner, hashLeaf, openCheckpointWithQuorum, openNote, parseCheckpoint, parseSigner,
  parseVerifier, signCheckpoint, verifyInclusion,
} from '../transparency/index.ts';
import { messageId, parseBatch } from './core/batch.ts';
import { sha256 } from './replica.ts';
import { openSqliteStream } from './sqlite-stream.ts';
import { startRegion } from './main.ts';
import { createBed, edgeLog, eventually, http, post, quiet, REGION, status, testSigner, type Bed, type EdgeLog } from './testing.ts';

let bed: Bed;
afterEach(() => bed.close());

const down = async (url: string, node: string, query: string): Promise<{ header: Record<string, unknown>; parts: readonly Uint8Array[] }> =>
  decodeFrame((await http(`${url}/v1/nodes/${node}/down?${query}`)).body);

/**
 * A valid Ed25519 signature with a nonce of the signer's choice (RFC 8032, section 5.1.6, has it derived), as a signature
 * line: a second key pair is the nonce and its point.
 */
function signAgain(text: string, skey: string): string {
  const [, name, id, base64] = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(skey)!;
  const typed = Buffer.from(base64!, 'base64');
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const little = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  const scalar = (seed: Uint8Array): bigint => {
    const h = hash('sha512', seed, 'buffer').subarray(0, 32);
    h[0]! &= 248;
    h[31] = (h[31]! & 127) | 64;
    return little(h);
  };
  const nonce = Buffer.alloc(32, 9);
  const R = parseVerifier(generateSigner('nonce', 'ed25519', nonce).signer.vkey).publicKey;
  const A = parseVerifier(parseSigner(skey).vkey).publicKey;
  const k = little(hash('sha512', Buffer.concat([R, A, Buffer.from(text)]), 'buffer')) % L;
  const s = (scalar(nonce) + k * scalar(typed.subarray(1))) % L;
  const signature = Buffer.concat([R, Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()]);
  return `\u2014 ${name} ${Buffer.concat([Buffer.from(id!, 'hex'), signature]).toString('base64')}`;
}

describe('a region of one replica', () => {
  it('orders batches, proves the order, forwards them and relays outcomes', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a', 'b'] });
    const { url } = await bed.start(0);
    const [a, b] = [edgeLog('a'), edgeLog('b')];
    a.append(300);
    b.append(7);
    expect((await post(url, await a.batch(0, 300))).json()).toEqual({ size: 300 });
    expect((await post(url, await b.batch(0, 7))).json()).toEqual({ size: 7 });
    a.append(5);
    expect((await post(url, await a.batch(300, 305))).json()).toEqual({ size: 305 });
    await bed.control.whenApplied(3);
    expect(bed.control.refusals).toEqual([]);
    expect(bed.control.entries.map((e) => decodeBatch(e)).map(({ node, from, size, region, seq }) => ({ node, from, size, region, seq }))).toEqual([
      { node: 'a', from: 0, size: 300, region: REGION, seq: 1 },
      { node: 'b', from: 0, size: 7, region: REGION, seq: 2 },
      { node: 'a', from: 300, size: 305, region: REGION, seq: 3 },
    ]);

    const { header } = await down(url, 'a', 'ordered=300&final=0&wait=5000');
    expect(header['accepted']).toBe(305);
    expect(header['centreAgeMs']).toBeTypeOf('number');
    const ordered = header['ordered'] as { entry: string; index: number; size: number; proof: string[]; checkpoint: string };
    const region = bed.trust.regions.get(REGION)!;
    const checkpoint = openCheckpointWithQuorum(ordered.checkpoint, region.log, region.replicas, region.quorum);
    verifyInclusion(
      hashLeaf(Buffer.from(ordered.entry)), ordered.index, checkpoint.size, ordered.proof.map((h) => Buffer.from(h, 'base64')), checkpoint.root,
    );
    expect(decodeBatch(ordered.entry).size).toBe(305);

    const waiting = down(url, 'a', 'ordered=305&final=0&wait=20000');
    await eventually('the centre is asked', () => bed.control.polls() > 0);
    bed.control.outcomes('a', 10);
    const news = await waiting;
    expect(news.header).toMatchObject(
      { ordered: null, checkpoint: 'global checkpoint', outcomes: [{ from: 0, to: 10, start: 1000, proof: [] }] },
    );
    expect(Buffer.from(news.parts[0]!).toString()).toContain('a 0-10');
    expect((await http(`${url}/checkpoint`)).body.toString()).toBe(ordered.checkpoint);
    expect((await status(url)).state).toBe('ready');
  });
});

/** Sends the next `n` entries through a replica. */
async function sendNext(url: string, log: EdgeLog, n: number): Promise<void> {
  const from = log.size();
  log.append(n);
  expect((await post(url, await log.batch(from, from + n))).json()).toEqual({ size: from + n });
}

/** What every replica says of itself has to hold. */
const all = (urls: readonly string[], holds: (s: Awaited<ReturnType<typeof status>>) => boolean): Promise<void> =>
  eventually(`all of ${urls.length}`, async () => (await Promise.all(urls.map(status))).every(holds));

describe('a region of one replica, in trouble', () => {
  it('goes on from what is on disk', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    const a = edgeLog('a');
    for (let i = 1; i <= 4; i += 1) {
      const { url } = await bed.start(0);
      await sendNext(url, a, 10);
      await sendNext(url, a, 5);
      await bed.stop(0);
    }
    const { url } = await bed.start(0);
    await bed.control.whenApplied(8);
    expect((await status(url)).counts).toMatchObject({ batches: 8, entries: 60, quorumSize: 8 });
    expect(bed.control.refusals).toEqual([]);
  });

  it('answers what it can without the centre, and brings everything there later', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    const { url } = await bed.start(0);
    const a = edgeLog('a');
    await sendNext(url, a, 10);
    await bed.control.whenApplied(1);
    bed.control.pause(true);
    await sendNext(url, a, 10);
    const first = await down(url, 'a', 'ordered=10&final=0&wait=5000');
    expect(first.header['ordered']).toMatchObject({ index: 1, size: 2 });
    const second = await down(url, 'a', 'ordered=20&final=0&wait=100');
    expect(second.header).toMatchObject({ accepted: 20, ordered: null, outcomes: [] });
    expect(second.header['centreAgeMs']).toBeGreaterThan(90);
    const query = await http(`${url}/v1/accounts/query`, { body: '{"accounts":["x"],"nonce":"00000000000000000000000000000000"}', type: 'application/json' });
    expect([query.status, query.headers.get('retry-after'), query.json()['code']]).toEqual([503, '1', 'centre-unreachable']);
    bed.control.pause(false);
    await bed.control.whenApplied(2);
    expect((await http(`${url}/v1/accounts/query`, { body: '{"accounts":["x"],"nonce":"00000000000000000000000000000000"}', type: 'application/json' })).body.toString()).toBe(
      `signed {"accounts":["x"],"nonce":"${'0'.repeat(32)}"}`,
    );
  });

  it('gives the outcomes that came while nobody waited to the next one who asks from there, and to nobody else', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    const { url } = await bed.start(0);
    await sendNext(url, edgeLog('a'), 10);
    await down(url, 'a', 'ordered=0&final=0&wait=2000');
    bed.control.outcomes('a', 4);
    await eventually(
      'an answer from the buffer', async () => ((await down(url, 'a', 'ordered=10&final=0')).header['outcomes'] as unknown[]).length === 1,
    );
    // The next part was asked for already; whoever needs another one gets that one.
    bed.control.outcomes('a', 7);
    expect((await down(url, 'a', 'ordered=10&final=2&wait=5000')).header['outcomes']).toMatchObject([{ from: 2, to: 7 }]);
    expect((await down(url, 'a', 'ordered=10&final=4&wait=5000')).header['outcomes']).toMatchObject([{ from: 4, to: 7 }]);
    // Who asks for the same gets the same: nobody takes it away from the node.
    const older = down(url, 'a', 'ordered=10&final=7&wait=30000');
    await eventually('the older one waits', async () => /waiters\S* 1\n/.test((await http(`${url}/metrics`)).body.toString()));
    const newer = down(url, 'a', 'ordered=10&final=7&wait=30000');
    await eventually('both wait', async () => /waiters\S* 2\n/.test((await http(`${url}/metrics`)).body.toString()));
    bed.control.outcomes('a', 9);
    for (const answer of [older, newer]) expect((await answer).header['outcomes']).toMatchObject([{ from: 7, to: 9 }]);
  });

  it('takes a batch that was put under its name before, and one published while it was judged', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    const { url } = await bed.start(0);
    const a = edgeLog('a');
    a.append(10);
    const message = await a.batch(0, 10);
    const batch = parseBatch(message);
    const stream = openSqliteStream({ path: bed.streamPath, shared: true });
    await stream.publish(Buffer.from('junk'), messageId(batch, sha256(batch.payload), sha256));
    expect((await post(url, message)).json()).toEqual({ size: 10 });
    // The replica has not seen these yet: what looks like a gap is none.
    a.append(10);
    await stream.publish(await a.batch(10, 20), 'somebody-else');
    a.append(5);
    expect((await post(url, await a.batch(20, 25))).json()).toEqual({ size: 25 });
    await stream.close();
    await bed.control.whenApplied(3);
    expect(bed.control.refusals).toEqual([]);
  });

  it('brings a node its outcomes however many others ask in its name', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    const { url } = await bed.start(0);
    await sendNext(url, edgeLog('a'), 5);
    const gone = new AbortController();
    const poll = (final: number): Promise<unknown[]> =>
      http(`${url}/v1/nodes/a/down?ordered=5&final=${final}&wait=5000`, { signal: gone.signal }).then(
        (r) => decodeFrame(r.body).header['outcomes'] as unknown[],
      );
    let over = false;
    const strangers = Array.from({ length: 12 }, async (_, k) => {
      while (!over) await poll(1000 + k).catch(() => []);
    });
    let got: unknown[] = [];
    const node = (async () => {
      while (got.length === 0) got = await poll(0);
    })();
    await eventually('the centre is asked by many', () => bed.control.polls() >= 8);
    bed.control.outcomes('a', 5);
    await node;
    expect(got).toMatchObject([{ from: 0, to: 5 }]);
    over = true;
    gone.abort();
    await Promise.all(strangers);
  });

  it('keeps the payloads that somebody only says he has applied', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    let asked = 0;
    const liar = createServer((request, response) => {
      request.resume();
      const isState = request.url === `/v1/regions/${REGION}`;
      const isProof = request.url?.includes('limit=1') === true;
      if (isProof) asked += 1;
      const body = isState ? '{"applied":1,"size":1}' : isProof
        ? encodeFrame({ checkpoint: 'trust me', outcomes: [{ from: 4, to: 5, start: 0, proof: [] }] }, [encodeBundle([Buffer.from('x')])]) : '{}';
      response.writeHead(isState || isProof ? 200 : 503, { 'content-type': isProof ? FRAME_TYPE : 'application/json' }).end(body);
    });
    await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
    const region = await startRegion(
      { ...bed.settings(0), controlUrl: `http://127.0.0.1:${(liar.address() as AddressInfo).port}` }, quiet,
    );
    const stream = openSqliteStream({ path: bed.streamPath, shared: true });
    try {
      await sendNext(region.url, edgeLog('a'), 5);
      await eventually('it was asked for proof twice', () => asked >= 2, 15_000);
      expect((await stream.read(0, 10, 1)).map((m) => m.seq)).toEqual([1]);
      expect((await status(region.url)).incidents.some((i) => i.kind === 'trimming-failed')).toBe(true);
    } finally {
      await stream.close();
      await region.stop();
      liar.closeAllConnections();
      await new Promise((resolve) => liar.close(resolve));
    }
  }, 30_000);

  it('gets payloads from the node again that are gone while the centre needs them, however cut', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a', 'b'] });
    const { url } = await bed.start(0);
    const [a, b] = [edgeLog('a'), edgeLog('b')];
    await sendNext(url, a, 10);
    await sendNext(url, b, 4);
    await sendNext(url, a, 10);
    await bed.control.whenApplied(3);
    const stream = openSqliteStream({ path: bed.streamPath, shared: true });
    await stream.trim(3);
    await stream.close();
    bed.control.restore(0);
    const accepted = async (node: string): Promise<unknown> => (await down(url, node, 'ordered=99&final=0')).header['accepted'];
    await eventually('it says what it lacks', async () => (await accepted('a')) === 0 && (await accepted('b')) === 0);
    // A payload of somebody else's beside the node's own checkpoint.
    const forged = edgeLog('a');
    forged.append(20, 'forged');
    const junk = await a.batch(0, 20, { payload: encodeBundle(forged.entries) });
    expect((await post(url, junk)).json()).toEqual({ size: 0 });
    expect((await post(url, await a.batch(0, 7))).json()).toEqual({ size: 7 });
    expect((await post(url, await a.batch(7, 20))).json()).toEqual({ size: 20 });
    expect((await post(url, await b.batch(0, 4))).json()).toEqual({ size: 4 });
    await bed.control.whenApplied(3);
    expect(bed.control.refusals).toEqual([]);
    expect([await accepted('a'), await accepted('b')]).toEqual([20, 4]);
  }, 30_000);

  it('forgets the payloads that the centre has proven to have, and no others', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    const { url } = await bed.start(0);
    const a = edgeLog('a');
    await sendNext(url, a, 10);
    await sendNext(url, a, 10);
    await bed.control.whenApplied(2);
    const stream = openSqliteStream({ path: bed.streamPath, shared: true });
    await eventually('trimmed', async () => (await stream.read(0, 10, 1)).length === 0);
    bed.control.pause(true);
    await sendNext(url, a, 10);
    expect((await stream.read(0, 10, 1)).map((m) => m.seq)).toEqual([3]);
    await stream.close();
    bed.control.pause(false);
    await bed.control.whenApplied(3);
    // What it no longer has the payload of, it still knows.
    for (const [from, to] of [[0, 10], [3, 17]] as const) expect((await post(url, await a.batch(from, to))).json()).toEqual(
      { size: 30 },
    );
    const other = edgeLog('a');
    other.append(17, 'other');
    expect((await post(url, await other.batch(3, 17))).json()['code']).toBe('rollback');
  });

  it('halts when the stream is another one, or has lost what it has not replayed', async () => {
    bed = await createBed({ replicas: 1, quorum: 1, nodes: ['a'] });
    const a = edgeLog('a');
    const { url } = await bed.start(0);
    await sendNext(url, a, 10);
    await bed.stop(0);
    const stream = openSqliteStream({ path: bed.streamPath, shared: true });
    for (let i = 0; i < 5; i += 1) await stream.publish(Buffer.from('junk'), `junk-${i}`);
    await stream.trim(4);
    await stream.close();
    await bed.start(0);
    await all([url], (s) => s.state === 'halted');
    expect((await status(url)).incidents.at(-1)?.detail).toContain('data folder');
    expect((await http(`${url}/readyz`)).status).toBe(503);
    const refused = await post(url, await a.batch(0, 10));
    expect([refused.status, refused.json()['code']]).toEqual([503, 'halted']);
    await bed.stop(0);
    await bed.start(0);
    expect((await status(url)).state).toBe('halted');
  });
});

describe('a region of three replicas', () => {
  it('goes on with one replica stopped, whichever it is, and takes it up again', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a'] });
    const a = edgeLog('a');
    await Promise.all([0, 1, 2].map((n) => bed.start(n)));
    let batches = 0;
    for (const stopped of [0, 1, 2]) {
      await bed.stop(stopped);
      const up = bed.urls.filter((_, n) => n !== stopped);
      for (const url of up) {
        await sendNext(url, a, 10);
        batches += 1;
      }
      await bed.control.whenApplied(batches);
      if (stopped === 0) {
        await eventually(
          'others bring it to the centre', async () => (await Promise.all(up.map(status))).some((r) => r.counts['forwarded']! > 0),
        );
      }
      await bed.start(stopped);
      await all(bed.urls, (s) => s.counts['quorumSize'] === batches);
    }
    expect(bed.control.refusals).toEqual([]);
  });

  it('does not give a lying replica its way: another root, a size that nobody has, junk in the stream', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a'] });
    const a = edgeLog('a');
    const honest = bed.urls.slice(0, 2);
    await Promise.all([0, 1].map((n) => bed.start(n)));
    const lie = async (size: number): Promise<string> => {
      const note = await signCheckpoint(
        { origin: bed.regionSigner.name, size, root: sha256(Buffer.from(`lie ${size}`)) }, bed.regionSigner,
      );
      return addSignatures(note, await cosign(note, bed.replicaSigners[2]!, 1_790_000_000));
    };
    await sendNext(honest[0]!, a, 10);
    const stream = openSqliteStream({ path: bed.streamPath, shared: true });
    const forged = edgeLog('a');
    forged.append(20, 'forged');
    for (const [i, message] of [
      await forged.batch(10, 20), await a.batch(0, 10), await forged.batch(0, 20), Buffer.from('junk'), Buffer.alloc(0),
      await a.batch(0, 10, { payload: encodeBundle(forged.entries.slice(0, 10)) }),
    ].entries()) await stream.publish(message, `lie-${i}`);
    for (const size of [1, 2, 900]) for (const url of honest) await http(
      `${url}/v1/cosignatures`, { body: await lie(size), type: 'text/plain' },
    );
    await sendNext(honest[1]!, a, 10);
    await sendNext(honest[0]!, a, 10);
    await stream.close();
    await bed.control.whenApplied(3);
    expect(bed.control.refusals).toEqual([]);
    await all(honest, (s) => s.state === 'ready' && s.counts['quorumSize'] === 3 && s.counts['disagreeing'] === 1
      && s.incidents.some((i) => i.kind === 'replica-disagrees') && s.incidents.some((i) => i.kind === 'refused-in-stream'));
    const { evidence } = (await http(`${honest[0]}/v1/evidence`)).json() as { evidence: { who: string; kind: string; document: string }[] };
    expect(evidence.find((e) => e.kind === 'replica-disagrees')).toMatchObject({ who: 'eu/3', document: await lie(1) });
  });

  it('lets no cosignature over other words into its notes: same size and root, and a line more', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a'] });
    const { url } = await bed.start(0);
    const a = edgeLog('a');
    await sendNext(url, a, 5);
    const region = bed.trust.regions.get(REGION)!;
    const { text } = await (async () => {
      let note = '';
      await eventually('it has cosigned', async () => {
        const latest = await http(`${url}/v1/cosignatures/latest`);
        note = latest.body.toString();
        return latest.status === 200;
      });
      return openNote(note, [region.log]);
    })();
    const { origin, size, root } = parseCheckpoint(text);
    const note = await signCheckpoint({ origin, size, root, extensions: ['hello'] }, bed.regionSigner);
    const lie = addSignatures(note, await cosign(note, bed.replicaSigners[2]!, 1_790_000_000));
    const answer = await http(`${url}/v1/cosignatures`, { body: lie, type: 'text/plain' });
    expect([answer.status, answer.json()['code']]).toEqual([400, 'bad-note']);
    expect((await status(url)).counts['quorumSize']).toBe(0);
    await bed.start(1);
    await bed.control.whenApplied(1);
    openCheckpointWithQuorum((await http(`${url}/checkpoint`)).body.toString(), region.log, region.replicas, region.quorum);
    expect(bed.control.refusals).toEqual([]);
  });

  it('refuses notes that nobody of the region signed', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a'] });
    await bed.start(0);
    const a = edgeLog('a');
    const note = await signCheckpoint({ origin: bed.regionSigner.name, size: 1, root: a.root() }, bed.regionSigner);
    const line = await cosign(note, bed.replicaSigners[1]!, 1_790_000_000);
    const foreign = await signCheckpoint({ origin: bed.global.name, size: 1, root: a.root() }, bed.global);
    for (const [body, status_] of [
      ['', 400], ['x', 400], [note, 403], [addSignatures(foreign, await cosign(foreign, bed.replicaSigners[1]!, 1)), 403],
      [addSignatures(note, line).replace('\n1\n', '\n2\n'), 403], [`${note}${'x'.repeat(20_000)}`, 413],
    ] as const) {
      const reply = await http(`${bed.urls[0]}/v1/cosignatures`, { body, type: 'text/plain' });
      expect([reply.status, body.slice(0, 40)]).toEqual([status_, body.slice(0, 40)]);
    }
    expect((await http(`${bed.urls[0]}/v1/cosignatures`, { body: addSignatures(note, line), type: 'text/plain' })).status).toBe(
      204,
    );
  });

  it('counts the log\'s key as nobody\'s cosignature, however many signatures it makes', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a'] });
    await bed.start(0);
    const url = bed.urls[0]!;
    await sendNext(url, edgeLog('a'), 10);
    await eventually('it has cosigned', async () => (await http(`${url}/v1/cosignatures/latest`)).status === 200);
    const note = (await http(`${url}/v1/cosignatures/latest`)).body.toString();
    const [text, signatures] = note.split('\n\n') as [string, string];
    const own = signatures.split('\n').find((l) => l.includes('/replica/0 '))!;
    // Another valid signature of the same text: Ed25519 with another nonce, as only the holder of the key can make it.
    const other = signAgain(`${text}\n`, testSigner(bed.regionSigner.name).skey);
    expect(openNote(`${text}\n\n${other}\n`, [bed.trust.regions.get(REGION)!.log]).verified.length).toBe(1);
    for (const lines of [[other, own], [signatures.split('\n')[0]!, other, own], [other, signatures.split('\n')[0]!, own]]) {
      await http(`${url}/v1/cosignatures`, { body: `${text}\n\n${lines.join('\n')}\n`, type: 'text/plain' });
    }
    expect((await status(url)).counts['quorumSize']).toBe(0);
  });

  it('loses a replica that is wrong: outvoted, it halts, and stays so', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a', 'b'] });
    const [a, b] = [edgeLog('a'), edgeLog('b')];
    // Its stream is another one: it has b's batch first.
    const other = `${bed.dir}/other.sqlite`;
    const stream = openSqliteStream({ path: other, shared: true });
    b.append(5);
    await stream.publish(await b.batch(0, 5), 'b');
    await stream.close();
    await Promise.all([0, 1].map((n) => bed.start(n)));
    const wrong = await startRegion({ ...bed.settings(2), stream: `sqlite:${other}` }, quiet);
    try {
      await sendNext(bed.urls[0]!, a, 10);
      await all([wrong.url], (s) => s.state === 'halted' && s.incidents.some((i) => i.kind === 'replica-outvoted'));
      expect((await http(`${wrong.url}/readyz`)).status).toBe(503);
      expect((await http(`${wrong.url}/v1/nodes/a/down`)).status).toBe(503);
      await sendNext(bed.urls[1]!, a, 10);
      await bed.control.whenApplied(2);
      expect(bed.control.refusals).toEqual([]);
    } finally {
      await wrong.stop();
    }
  });

  it('loses a replica that has less than a quorum makes of the same stream', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a'] });
    const a = edgeLog('a');
    await Promise.all([0, 1].map((n) => bed.start(n)));
    const wrong = await startRegion({ ...bed.settings(2), stream: `sqlite:${bed.dir}/empty.sqlite` }, quiet);
    try {
      await sendNext(bed.urls[0]!, a, 10);
      await all([wrong.url], (s) => s.state === 'halted');
    } finally {
      await wrong.stop();
    }
  });
  it('agrees, and every replica serves the same log', async () => {
    bed = await createBed({ replicas: 3, quorum: 2, nodes: ['a', 'b'] });
    await Promise.all([0, 1, 2].map((n) => bed.start(n)));
    const [a, b] = [edgeLog('a'), edgeLog('b')];
    for (let i = 1; i <= 5; i += 1) {
      a.append(10);
      b.append(3);
      const replies = await Promise.all(
        [post(bed.urls[i % 3]!, await a.batch(a.size() - 10, a.size())), post(bed.urls[(i + 1) % 3]!, await b.batch(b.size() - 3, b.size()))],
      );
      expect(replies.map((r) => r.json())).toEqual([{ size: 10 * i }, { size: 3 * i }]);
    }
    await bed.control.whenApplied(10);
    expect(bed.control.refusals).toEqual([]);
    await eventually(
      'all know of the quorum', async () => (await Promise.all(bed.urls.map(status))).every((s) => s.counts['quorumSize'] === 10),
    );
    const notes = await Promise.all(
      bed.urls.map(async (u) => (await http(`${u}/checkpoint`)).body.toString().split('\n').slice(0, 3).join()),
    );
    expect(new Set(notes).size).toBe(1);
  });
});
