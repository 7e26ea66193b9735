/** The checks of the log from its tiles, on a small log, whole and rewritten. */
import { describe, expect, it } from 'vitest';
import { bundlePath, encodeBundle, tilePath } from '../transparency/index.ts';
import { sampleLog } from '../transparency/testing.ts';
import { checkGrowth, longerBefore, otherHistory, readBundle, type FileFetcher } from './log-check.ts';
import { concat, toBase64 } from './merkle.ts';

const { entries, tree, store } = sampleLog(300);
const fetcher = (change: (path: string, bytes: Buffer) => void = () => {}): FileFetcher => async (path) => {
  const [, where, name = ''] = path.split('/');
  const index = Number.parseInt(name, 10);
  const width = Number(path.split('.p/')[1] ?? 256);
  expect(path).toBe(where === 'entries' ? bundlePath(index, width) : tilePath(Number(where), index, width));
  const bytes = where === 'entries' ? encodeBundle(entries.slice(index * 256, index * 256 + width)) : Buffer.from(store.read(Number(where), index, width));
  change(path, bytes);
  return concat(bytes);
};
const checkpoint = { origin: 'example.com/log', size: 300, root: concat(tree.root()) };

describe('growth', () => {
  it('is proven from tiles and compared with what was seen', async () => {
    const first = await checkGrowth(17, 260, checkpoint, fetcher());
    expect(first).toMatchObject({ oldSize: 17, newSize: 260, remembered: [] });
    const seen = [{ origin: 'example.com/log', size: 17, root: first.oldRoot, at: 0 }, { origin: 'other', size: 17, root: 'x', at: 0 }];
    expect((await checkGrowth(17, 300, checkpoint, fetcher(), seen)).remembered).toEqual([seen[0]]);
    expect((await checkGrowth(0, 0, checkpoint, fetcher())).proof).toEqual([]);
    expect((await checkGrowth(300, 300, checkpoint, fetcher())).newRoot).toBe(toBase64(checkpoint.root));
  });

  it('fails for a rewritten log, tampered tiles and sizes that cannot be', async () => {
    const seen = [{ origin: 'example.com/log', size: 17, root: toBase64(checkpoint.root), at: 0 }];
    await expect(checkGrowth(17, 300, checkpoint, fetcher(), seen)).rejects.toThrow(/the log was rewritten: at size 17 its root was .* on 1970-01-01/);
    const tampered = fetcher((path, bytes) => {
      if (path === tilePath(0, 1, 44)) bytes[0]! ^= 1;
    });
    await expect(checkGrowth(17, 300, checkpoint, tampered)).rejects.toThrow(/the tiles lead to the root/);
    const inner = fetcher((path, bytes) => {
      if (path === tilePath(0, 0)) bytes[0]! ^= 1;
    });
    await expect(checkGrowth(17, 300, checkpoint, inner)).rejects.toThrow(/the proof leads to/);
    for (const [a, b] of [[5, 4], [-1, 4], [0, 301], [0.5, 3], [Number.NaN, 3]] as const) await expect(checkGrowth(a, b, checkpoint, fetcher())).rejects.toThrow(/expected 0 ≤ older/);
  });
});

it('a checkpoint is held against what was seen of its log', () => {
  const seen = (size: number, root = toBase64(checkpoint.root), origin = checkpoint.origin) => ({ origin, size, root, at: 0 });
  expect(otherHistory(checkpoint, [seen(300), seen(299, 'AAAA'), seen(300, 'AAAA', 'another.example/log')])).toBeNull();
  expect(otherHistory(checkpoint, [seen(300), seen(300, 'AAAA')])).toEqual(seen(300, 'AAAA'));
  expect(longerBefore(checkpoint, [seen(300), seen(400, 'AAAA', 'another.example/log')])).toBeNull();
  expect(longerBefore(checkpoint, [seen(301), seen(400), seen(350)])).toEqual(seen(400));
});

describe('a bundle', () => {
  it('is read with each entry beside its hash', async () => {
    const bundle = await readBundle(1, 300, fetcher());
    expect(bundle.map((e) => [e.index, e.text, e.agrees])).toEqual(entries.slice(256).map((e, i) => [256 + i, e.toString(), true]));
  });

  it('shows which entry is not what the tile says', async () => {
    const one = await readBundle(1, 300, fetcher((path, bytes) => {
      if (path.startsWith('tile/0/')) bytes[3 * 32]! ^= 1;
    }));
    expect(one.filter((e) => !e.agrees).map((e) => e.index)).toEqual([259]);
    await expect(readBundle(2, 300, fetcher())).rejects.toThrow(/bundle 2: the log of 300 entries has bundles 0 to 1/);
    await expect(readBundle(0, 0, fetcher())).rejects.toThrow(/bundle 0/);
    await expect(readBundle(1, 300, async () => concat(Buffer.of(0, 9, 1)))).rejects.toThrow(/entry 0 is cut off at byte 3/);
    await expect(readBundle(1, 300, async () => concat(Buffer.of(0, 1, 1)))).rejects.toThrow(/1 entries and 0.09375 hashes, expected 44/);
  });
});
