import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint, openCheckpointWithQuorum, parseVerifier } from '../transparency/index.ts';
import { json, open, outcomesOf, pay, settle, start, type Bench } from './testing-service.ts';

/** Key names of the replicas that cosigned, without the platform's origin. */
function cosignersOf(bench: Bench, note: string): string[] {
  const { trust } = bench.platform;
  const keys = [...trust.regions.values()].flatMap((r) => r.replicas);
  return openCheckpointWithQuorum(note, trust.global, keys, 0).cosigners.map((name) => name.replace(`${trust.origin}/region/`, '')).toSorted();
}

describe('witnessing', () => {
  test('an empty log is witnessed at the start, and everything after it grows from it', async () => {
    const bench = await start({ witnessQuorum: 2 });
    const log = parseVerifier(bench.platform.global.signer.vkey);
    expect(openCheckpoint(await bench.witnessed(0), log).size).toBe(0);
    await open(bench, { bank: null, alice: '0' });
    const note = await bench.witnessed(2);
    expect(note.split('\n').filter((line) => line.startsWith('— '))).toHaveLength(5);
    expect(json(await bench.get('/v1/status')).counts).toMatchObject({ witnesses: 2, unwitnessed: 0 });
  });

  test('a region that does not answer delays nobody while others are enough', async () => {
    const bench = await start({ regions: 3, witnessQuorum: 2 });
    const [region] = bench.platform.regions;
    await bench.witnessed(0);
    bench.witnesses[2]![0]!.behave('stalled');
    await open(bench, { bank: null, alice: '0' });
    for (const n of [1, 2, 3]) {
      await settle(bench, region!, 'r0-n0', [pay(`s${n}`, 'bank', 'alice', 1n)]);
      await bench.witnessed(2 + n);
    }
    expect(bench.witnesses[2]![0]!.asked()).toBeLessThanOrEqual(1);
    bench.witnesses[2]![0]!.behave('honest');
    bench.witnesses[1]![0]!.behave('refusing');
    await settle(bench, region!, 'r0-n0', [pay('s4', 'bank', 'alice', 1n)]);
    await bench.witnessed(6);
    expect(bench.witnesses[2]![0]!.cosigned().at(-1)).toBe(6);
  });

  test.each(['refusing', 'forging', 'other-root'] as const)('a %s replica is passed over for the next of its region', async (how) => {
    const bench = await start({ regions: 1, witnessesPerRegion: 3 });
    const [first, second, third] = bench.witnesses[0]!;
    await bench.witnessed(0);
    first!.behave(how);
    await open(bench, { bank: null });
    expect(cosignersOf(bench, await bench.witnessed(1))).toEqual(['r0/replica/1', 'r0/replica/2']);
    expect([second!.cosigned().at(-1), third!.cosigned().at(-1)]).toEqual([1, 1]);
  });

  test('a dead replica is passed over', async () => {
    const bench = await start({ regions: 1, witnessesPerRegion: 3 });
    await bench.witnesses[0]![0]!.close();
    await open(bench, { bank: null });
    await bench.witnessed(1);
  });

  test('a silent replica is not waited for, and is not asked first again', async () => {
    const bench = await start({ regions: 1, witnessesPerRegion: 3 });
    await bench.witnessed(0);
    bench.witnesses[0]![0]!.behave('stalled');
    const before = performance.now();
    await open(bench, { bank: null });
    await bench.witnessed(1);
    // Far from the four seconds after which a request is given up.
    expect(performance.now() - before).toBeLessThan(3_500);
    for (let n = 2; n < 12; n += 1) {
      await open(bench, { [`a${n}`]: '0' });
      expect(cosignersOf(bench, await bench.witnessed(n))).toEqual(['r0/replica/1', 'r0/replica/2']);
    }
  });

  test('one of three replicas does not make its region count', async () => {
    const bench = await start({ regions: 1, witnessesPerRegion: 3 });
    const [first, second, third] = bench.witnesses[0]!;
    const before = await bench.witnessed(0);
    for (const w of [second!, third!]) w.behave('refusing');
    await open(bench, { bank: null });
    while (first!.cosigned().at(-1) !== 1 || third!.asked() < 3) await new Promise(setImmediate);
    expect((await bench.get('/checkpoint')).body.toString()).toBe(before);
    third!.behave('honest');
    expect(cosignersOf(bench, await bench.witnessed(1))).toEqual(['r0/replica/0', 'r0/replica/2']);
  });

  test('one address listed three times is one replica', async () => {
    const bench = await start({ regions: 2, witnessQuorum: 1, witnessesPerRegion: 2, listed: (urls, r) => (r === 0 ? [urls[0]!, urls[0]!, urls[0]!] : urls) });
    expect(cosignersOf(bench, await bench.witnessed(0))).toEqual(['r1/replica/0', 'r1/replica/1']);
  });

  test('a replica that was never asked cannot help a fork alone: the others have seen the log', async () => {
    const bench = await start({ regions: 1, witnessesPerRegion: 3, listed: (urls) => urls.slice(0, 2) });
    await bench.witnessed(0);
    await open(bench, { bank: null, alice: '0' });
    await bench.witnessed(2);
    const [, , third] = bench.witnesses[0]!;
    expect(third!.asked()).toBe(0);
    // The same key, another history of the same length and longer.
    const other = await start({ platform: bench.platform, witnesses: bench.witnesses, witnessesPerRegion: 3 });
    await open(other, { mallory: null, bob: '0', carol: '0' });
    while ((third!.cosigned().at(-1) ?? 0) < 3) await new Promise(setImmediate);
    // It cosigns what it is shown; of the others none does.
    while (third!.asked() < 3) await new Promise(setImmediate);
    const { status } = await other.get('/checkpoint');
    expect(status).not.toBe(200);
    expect(json(await other.get('/v1/status')).counts).toMatchObject({ witnesses: 0 });
    expect(cosignersOf(bench, await bench.witnessed(2))).toEqual(['r0/replica/0', 'r0/replica/1']);
  });

  test('with a greater quorum than when it was witnessed, a checkpoint is witnessed anew', async () => {
    const bench = await start({ regions: 1, witnessesPerRegion: 3 });
    await open(bench, { bank: null });
    expect(cosignersOf(bench, await bench.witnessed(1)).length).toBeGreaterThanOrEqual(2);
    const { trustFile } = bench.platform;
    writeFileSync(join(bench.folder, 'trust.json'), JSON.stringify({ ...trustFile, regions: trustFile.regions.map((r) => ({ ...r, quorum: 3 })) }));
    await bench.restart();
    let note = '';
    while (note === '' || cosignersOf(bench, note).length < 3) note = (await bench.get('/checkpoint')).body.toString();
    expect(openCheckpoint(note, bench.platform.trust.global).size).toBe(1);
  });

  test('without a quorum nothing becomes final; with it everything does', async () => {
    const bench = await start({ witnessQuorum: 2 });
    const [region] = bench.platform.regions;
    await bench.witnessed(0);
    bench.witnesses[1]![0]!.behave('refusing');
    await open(bench, { bank: null, alice: '0' });
    expect((await settle(bench, region!, 'r0-n0', [pay('s1', 'bank', 'alice', 5n)])).status).toBe(200);
    expect((await outcomesOf(bench, 'r0-n0', 0, 0)).entries).toEqual([]);
    expect(json(await bench.get('/v1/accounts/alice'))).toMatchObject({ posted: '0', pending: '5' });
    bench.witnesses[1]![0]!.behave('honest');
    expect((await outcomesOf(bench, 'r0-n0', 0)).entries).toHaveLength(1);
  });

  test('a witness that has cosigned further than we remember tells its size', async () => {
    const bench = await start({ regions: 1 });
    await open(bench, { bank: null, alice: '0' });
    await bench.witnessed(2);
    // A new process knows no sizes: its first request starts from nothing and is put right by the answer.
    await bench.restart();
    await open(bench, { carol: '0' });
    await bench.witnessed(3);
    expect(bench.witnesses[0]![0]!.cosigned().at(-1)).toBe(3);
  });
});
