import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeExport, type Exported } from '../export/write.ts';
import { makeFixture, type Fixture } from './fixture.ts';
import { filesOf, verifyFolder } from './index.ts';
import { fileOf, MANIFEST, parseManifest, renderManifest } from './manifest.ts';
import type { Files, Report } from './report.ts';

/** A small generator with a seed (mulberry32): the same positions in every run. */
function seeded(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const folder = mkdtempSync(join(tmpdir(), 'tidemark-verify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const exportOf = (f: Fixture, name: string): Promise<Exported> =>
  writeExport(join(folder, name), { trust: f.trust, sources: f.sources, version: '0.0.0', now: () => new Date(0) });

/** An export in memory, to be damaged. */
function load(dir: string): Map<string, Buffer> {
  const files = filesOf(dir);
  return new Map(files.list().map((path) => [path, files.read(path)]));
}
const asFiles = (files: ReadonlyMap<string, Buffer>): Files => ({
  list: () => [...files.keys()],
  read(path) {
    const bytes = files.get(path);
    if (bytes === undefined) throw new Error('is missing');
    return bytes;
  },
});
function flip(bytes: Buffer, bit: number): Buffer {
  const out = Buffer.from(bytes);
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
}
/** What somebody would do who can write the folder, and holds no key. */
function withNewManifest(files: Map<string, Buffer>): Map<string, Buffer> {
  const old = JSON.parse(files.get(MANIFEST)!.toString()) as Parameters<typeof renderManifest>[0];
  const rest = [...files].filter(([path]) => path !== MANIFEST);
  return new Map(
    [...rest, [MANIFEST, Buffer.from(renderManifest({ ...old, files: rest.map(([path, bytes]) => fileOf(path, bytes)) }))]],
  );
}
const named = (report: Report): string[] => [...new Set(report.failures.map((f) => f.file))];

describe('verify an export', () => {
  let fixture: Fixture;
  let intact: Map<string, Buffer>;
  beforeAll(async () => {
    fixture = await makeFixture({ settlements: 900 });
    const exported = await exportOf(fixture, 'intact');
    expect(exported.left).toEqual([]);
    intact = load(exported.dir);
  });

  test('an intact export verifies, and says what was checked', () => {
    const report = verifyFolder(asFiles(intact), { trust: fixture.trust });
    expect(report.failures).toEqual([]);
    expect(report.ok).toBe(true);
    const { checked } = report;
    const entries = Object.values(fixture.logs).reduce((sum, log) => sum + log.size, 0);
    expect(checked['entries hashed']).toBe(entries);
    expect(checked['files hashed']).toBe(intact.size - 1);
    expect(checked['checkpoints and quorums']).toBe(6);
    expect(
      checked['final outcomes']! + checked['rejected outcomes']! + checked['accounts opened or changed']!,
    ).toBe(fixture.logs['global']!.size);
    expect(checked['rejected outcomes']).toBeGreaterThan(20);
    expect(checked['final outcomes']).toBeGreaterThan(300);
    expect(checked['assets whose balances sum to zero']).toBe(1);
    expect(checked['logs compared with the manifest']).toBe(6);
    expect([report.complete, report.missingLogs]).toEqual([true, []]);
    expect(report.notes).toEqual(['1 entry of edge logs is younger than the global checkpoint, without an outcome in '
      + 'this export yet']);
  });

  test('without a trust.json from elsewhere it says whose keys it used', () => {
    expect(verifyFolder(asFiles(intact))).toMatchObject(
      { ok: true, trust: 'own', trustSha256: fileOf('', intact.get('trust.json')!).sha256 },
    );
    expect(verifyFolder(asFiles(intact), { trust: fixture.trust }).trust).toBe('given');
  });

  test('one flipped bit anywhere is found, and its file named', () => {
    const random = seeded(19_930_101);
    const paths = [...intact.keys()];
    for (let i = 0; i < 60; i += 1) {
      // Each file at least once, then at random; the first bytes and the last ones too.
      const path = paths[i < paths.length ? i : random(paths.length)]!;
      const bytes = intact.get(path)!;
      const bit = random(bytes.byteLength * 8);
      const report = verifyFolder(asFiles(new Map(intact).set(path, flip(bytes, bit))), { trust: fixture.trust });
      expect(report.ok, `${path} bit ${bit}`).toBe(false);
      expect(named(report), `${path} bit ${bit}`).toContain(path);
    }
  });

  test('every bit of the manifest is covered by the manifest', () => {
    const bytes = intact.get(MANIFEST)!;
    const random = seeded(7);
    for (let i = 0; i < 2_000; i += 1) {
      const bit = i < 64 ? i : i < 128 ? bytes.byteLength * 8 - 1 - (i - 64) : random(bytes.byteLength * 8);
      expect(() => parseManifest(flip(bytes, bit)), `bit ${bit}`).toThrow();
    }
  });

  test('any one file missing is found and named', () => {
    for (const path of intact.keys()) {
      const files = new Map(intact);
      files.delete(path);
      expect(named(verifyFolder(asFiles(files), { trust: fixture.trust })), path).toContain(path);
    }
  });

  test('a file too many is found and named', () => {
    for (const path of ['extra.txt', 'logs/global/tile/0/001.p/9', 'logs/edge-unknown/checkpoint']) {
      const report = verifyFolder(asFiles(new Map(intact).set(path, Buffer.from('x'))), { trust: fixture.trust });
      expect(named(report)).toContain(path);
    }
  });

  test('with the manifest written anew, what the logs hold still cannot be changed', () => {
    const random = seeded(42);
    const paths = [...intact.keys()].filter((p) => /\/tile\//.test(p) || p.startsWith('policies/') || p === 'trust.json');
    for (let i = 0; i < 40; i += 1) {
      const path = paths[i % paths.length]!;
      const bytes = intact.get(path)!;
      const report = verifyFolder(
        asFiles(withNewManifest(new Map(intact).set(path, flip(bytes, random(bytes.byteLength * 8))))),
        { trust: fixture.trust },
      );
      expect(report.ok, path).toBe(false);
      // A changed entry shows where its bundle no longer leads to the tile, the tile to the root, or in the file itself.
      const log = path.startsWith('logs/') ? path.split('/').slice(0, 2).join('/') : path;
      expect(named(report).some((f) => f.startsWith(log)), `${path}: ${named(report).join()}`).toBe(true);
    }
  });

  test.each([
    ['size', 5, /size of global is given as 5; its checkpoint says \d+/], ['root', 'AAAA', /root of global is given as "AAAA"/],
    ['origin', 'elsewhere/global', /origin of global/], ['name', 'edge-nobody', /"edge-nobody" is a log that trust.json does not name/],
  ])('a manifest that says another %s of a log than its checkpoint is found', (field, value, expected) => {
    const old = JSON.parse(intact.get(MANIFEST)!.toString()) as Parameters<typeof renderManifest>[0];
    const logs = old.logs.map((l) => (l.name === 'global' ? { ...l, [field]: value } : l));
    const files = new Map(intact).set(MANIFEST, Buffer.from(renderManifest({ ...old, logs })));
    const report = verifyFolder(asFiles(files), { trust: fixture.trust });
    expect(named(report)).toContain(MANIFEST);
    expect(report.failures.map((f) => f.what).join('\n')).toMatch(expected);
  });

  test('a log rolled back to an older checkpoint is found', async () => {
    const other = await makeFixture({ settlements: 900 });
    const exported = await exportOf(other, 'other');
    const swapped = load(exported.dir);
    for (const path of swapped.keys()) {
      if (!path.startsWith('logs/global/') && path !== MANIFEST) swapped.set(path, intact.get(path) ?? Buffer.alloc(0));
    }
    const report = verifyFolder(asFiles(withNewManifest(swapped)), { trust: fixture.trust });
    expect(named(report)).toContain('logs/global/checkpoint');
  });

  test('the export itself does not pass for another platform', async () => {
    const other = await makeFixture({ settlements: 10 });
    const report = verifyFolder(asFiles(intact), { trust: other.trust });
    expect(named(report)).toEqual(
      expect.arrayContaining(['trust.json', 'logs/global/checkpoint', 'logs/region-eu/checkpoint', 'logs/edge-us-a/checkpoint']),
    );
  });
});

describe('a platform that lies and signs it', () => {
  const cases: [string, Parameters<typeof makeFixture>[0], RegExp][] = [
    ['a balance that is one cent off', {
      settlements: 200, forge: (x) => (x.index === 20 && x.debitBalance !== undefined ? {
        ...x, debitBalance: x.debitBalance + 1n,
      } : x),
    }, /recomputed it is/],
    ['a rejection that nothing justifies', {
      settlements: 200, forge: (x) => (x.status === 'final' && x.index === 21 && x.duplicateOf === undefined ? {
        ...x, status: 'rejected', reason: 'insufficient-funds',
      } : x),
    }, /recomputed it is final/],
    ['another amount than the client asked for', {
      settlements: 200, forge: (x) => (x.index === 5 ? {
        ...x, instruction: { ...x.instruction, amount: x.instruction.amount + 1n },
      } : x),
    }, /is not the instruction that/],
    [
      'an outcome under another index', { settlements: 200, forge: (x) => (x.index === 6 ? { ...x, index: 7 } : x) },
      /expected that of/,
    ],
    ['a duplicate said to be new', {
      settlements: 200, forge: (x) => {
        if (x.duplicateOf === undefined) return x;
        const { duplicateOf: _, ...rest } = x;
        return rest;
      },
    }, /has its outcome at entry/],
    ['a refusal at the edge that the edge did not make', {
      settlements: 200, forge: (x) => (x.index === 3 && x.status === 'final' ? {
        ...x, status: 'rejected', reason: 'stale-state', refusedAtEdge: true,
      } : x),
    }, /accepted it, the outcome says otherwise/],
    ['an edge node that accepts what its policy refuses', {
      settlements: 200, bend: (d) => (d.result === 'refused' ? { result: 'provisional', mode: d.mode } : d),
    }, /taken again from its inputs it is refused/],
    ['an edge node that makes up a balance', {
      settlements: 200, believe: (balance, account) => (account === 'bank' ? balance + 1n : balance),
    }, /believed that bank held -?\d+ EUR at size \d+ of the global log; it held/],
    ['an edge node that makes up an overdraft limit', {
      settlements: 200, imagine: (i) => (i.debit?.account === 'alice' ? { ...i, debit: { ...i.debit, overdraft: null } } : i),
    }, /believed that alice had no overdraft limit at size \d+ of the global log; it had an overdraft limit of 0/],
    ['an edge node that believes a log that was not there yet', {
      settlements: 200, imagine: (i, last) => (i.debit === null || last ? i : { ...i, debit: { ...i.debit, asOf: 999_999_999 } }),
    }, /at size 999999999 of the global log, which has the outcome of this very decision at \d+ already/],
    ['an edge node that makes up the asset of the account credited', {
      settlements: 200, imagine: (i) => ({ ...i, creditAsset: 'USD' }),
    }, /believed that \w+ is an account in USD; it is in EUR/],
  ];
  test.each(cases)('%s', async (name, options, expected) => {
    const f = await makeFixture(options);
    const exported = await exportOf(f, name.replaceAll(' ', '-'));
    const report = verifyFolder(filesOf(exported.dir), { trust: f.trust });
    expect(report.ok).toBe(false);
    expect(report.failures.map((x) => x.what).join('\n')).toMatch(expected);
    expect(report.failures[0]!.file).toMatch(/^logs\/.*\/tile\/entries\//);
    expect(report.failures[0]!.entry).toBeTypeOf('number');
  });
});

test('what a decision without an outcome believes of a younger global log is unchecked, and said so', async () => {
  const f = await makeFixture({
    settlements: 40, imagine: (i, last) => (last ? { ...i, debit: { ...i.debit!, asOf: i.debit!.asOf + 7 } } : i),
  });
  const exported = await exportOf(f, 'younger');
  const report = verifyFolder(filesOf(exported.dir), { trust: f.trust });
  expect(report.failures).toEqual([]);
  expect(report.checked['beliefs UNCHECKED, younger than the global log']).toBe(1);
  expect(report.notes.join('\n')).toMatch(/unchecked in 1 case: of a larger global log than the \d+ entries of this export/);
});

describe('export', () => {
  test('does not touch a folder with something in it, and replaces only exports', async () => {
    const f = await makeFixture({ settlements: 40 });
    const options = { trust: f.trust, sources: f.sources, version: '0.0.0', now: () => new Date(0) };
    const dir = join(folder, 'twice');
    await writeExport(dir, options);
    await expect(writeExport(dir, options)).rejects.toThrow(/is not empty/);
    await writeExport(dir, { ...options, force: true });
    expect(verifyFolder(filesOf(dir), { trust: f.trust }).ok).toBe(true);
    rmSync(join(dir, MANIFEST));
    await expect(writeExport(dir, { ...options, force: true })).rejects.toThrow(/not an export/);
  });

  test('goes on where it was cut off, and does not trust what lies there', async () => {
    const f = await makeFixture({ settlements: 700 });
    const dir = join(folder, 'resumed');
    let served = 0;
    const flaky = (left: number): typeof f.sources => new Map([...f.sources].map(([name, s]) => [name, {
      ...s,
      file: async (path: string) => {
        served += 1;
        if (served > left) throw new Error('cut off');
        return s.file(path);
      },
    }]));
    const options = { trust: f.trust, version: '0.0.0', now: () => new Date(0) };
    await expect(writeExport(dir, { ...options, sources: flaky(6) })).rejects.toThrow('cut off');
    expect(filesOf(dir).list.bind(null)).toThrow();
    served = 0;
    const exported = await writeExport(dir, { ...options, sources: flaky(Infinity) });
    expect(served).toBeLessThan(exported.files);
    expect(verifyFolder(filesOf(dir), { trust: f.trust }).ok).toBe(true);
  });

  test('a source that serves other bytes than it signed is refused, and nothing is left half done', async () => {
    const f = await makeFixture({ settlements: 300 });
    const dir = join(folder, 'lying');
    const lying = new Map(f.sources).set(
      'edge-eu-a',
      { ...f.sources.get('edge-eu-a')!, file: async (path) => flip(await f.sources.get('edge-eu-a')!.file(path), 100) },
    );
    await expect(
      writeExport(dir, { trust: f.trust, sources: lying, version: '0.0.0', now: () => new Date(0) }),
    ).rejects.toThrow(/edge-eu-a/);
    expect(() => readFileSync(join(dir, MANIFEST))).toThrow();
  });

  test('a log that nobody serves is left out, and everybody is told', async () => {
    const f = await makeFixture({ settlements: 300 });
    const sources = new Map(f.sources);
    sources.delete('edge-us-a');
    const exported = await writeExport(
      join(folder, 'partly'), { trust: f.trust, sources, version: '0.0.0', now: () => new Date(0) },
    );
    expect(exported.left).toEqual(['edge-us-a: nobody serves this log now']);
    const report = verifyFolder(filesOf(exported.dir), { trust: f.trust });
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ ok: true, complete: false, missingLogs: ['edge-us-a'] });
    expect(report.notes).toContain('edge-us-a: this log is not part of the export; nothing that depends on it was checked');
  });
});
