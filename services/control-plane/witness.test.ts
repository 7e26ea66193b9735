import { describe, expect, test } from 'vitest';
import { openCheckpoint, parseVerifier } from '../transparency/index.ts';
import { json, open, outcomesOf, pay, settle, start } from './testing-service.ts';

describe('witnessing', () => {
  test('an empty log is witnessed at the start, and everything after it grows from it', async () => {
    const bench = await start({ witnessQuorum: 2 });
    const log = parseVerifier(bench.platform.global.signer.vkey);
    expect(openCheckpoint(await bench.witnessed(0), log).size).toBe(0);
    await open(bench, { bank: null, alice: '0' });
    const note = await bench.witnessed(2);
    expect(note.split('\n').filter((line) => line.startsWith('— '))).toHaveLength(3);
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
    const [first, second] = bench.witnesses[0]!;
    await bench.witnessed(0);
    first!.behave(how);
    await open(bench, { bank: null });
    await bench.witnessed(1);
    expect(second!.cosigned()).toEqual([1]);
  });

  test('a dead replica is passed over', async () => {
    const bench = await start({ regions: 1, witnessesPerRegion: 2 });
    await bench.witnesses[0]![0]!.close();
    await open(bench, { bank: null });
    await bench.witnessed(1);
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
