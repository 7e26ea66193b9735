/** Does the benchmark work? Its figures are not looked at: a busy machine may make them anything. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createCleanup } from './cleanup.ts';
import { startLoad } from './load.ts';
import { readOptions } from './main.ts';
import { findPostgres, startPostgres } from './postgres.ts';
import {
  formatMarkdown, formatTable, MARK_BEGIN, MARK_END, met, ratio, replaceGenerated, type Figure, type Report,
} from './report.ts';
import { ROWS } from './rows.ts';
import { measureSites } from './sites.ts';
import { percentile, slope, spread } from './stats.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

describe('statistics', () => {
  it('finds the middle, the edges and the ranks', () => {
    expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3, repeats: 3 });
    expect(spread([4, 1, 2, 3]).median).toBe(2.5);
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0, 0.5, 0.99, 1].map((q) => percentile(hundred, q))).toEqual([1, 50, 99, 100]);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });

  it('fits a line', () => {
    expect(slope([[0, 1], [1, 3], [2, 5]])).toBeCloseTo(2);
    expect(slope([[1, 1]])).toBeNull();
    expect(slope([[1, 1], [1, 5]])).toBeNull();
  });
});

const one = (value: number): Figure['value'] => spread([value]);
const figure: Figure = {
  row: 'lone', what: 'a|b', unit: 'ms', better: 'lower', value: one(2), target: 5, note: 'why',
  peers: [{ what: 'other', value: one(6) }],
};
const faster: Figure = {
  ...figure, unit: '/s', better: 'higher', value: spread([1, 4, 16]),
  peers: [{ what: 'p', value: one(8) }, { what: 'q', value: one(1) }],
};
const report: Report = {
  date: '2026-01-02', command: 'npm run bench', seconds: 1, versions: { Node: '26' }, missing: ['x: y'],
  machine: { cpu: 'c', cores: 2, memoryGiB: 8, system: 'linux', syncMs: 0.5, loadBefore: 0.1, nice: 0, volatile: false },
  figures: [figure, faster],
};

describe('the report', () => {
  it('compares by the medians, in the direction that is better', () => {
    const [lower, higher] = report.figures as [Figure, Figure];
    expect([ratio(lower, lower.peers![0]!), ratio(higher, higher.peers![0]!)]).toEqual([3, 0.5]);
    expect([met(lower), met(higher), met({ ...lower, value: one(5.1) })]).toEqual([true, false, false]);
  });

  it('has a line for every peer, and keeps a cell a cell', () => {
    const table = formatMarkdown(report).split('\n').filter((l) => l.startsWith('|'));
    expect(table).toHaveLength(2 + 3);
    for (const line of table) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(8);
    expect(table[2]).toContain('a\\|b');
    expect(formatMarkdown(report)).toContain('- Not measured: x: y');
    expect(formatTable(report)).toContain('4.00/s (1.00 .. 16.0)');
  });

  it('replaces what was generated, and nothing else', () => {
    const page = `a\n${MARK_BEGIN}\nold\n${MARK_END}\nb\n`;
    const next = replaceGenerated(page, 'new');
    expect(next).toBe(`a\n${MARK_BEGIN}\nnew\n${MARK_END}\nb\n`);
    expect(replaceGenerated(next, 'new')).toBe(next);
    for (const bad of ['', `${MARK_END}${MARK_BEGIN}`, `${page}${page}`]) {
      expect(() => replaceGenerated(bad, 'new')).toThrow('once each');
    }
  });

  it('fits the page in docs', () => {
    const page = readFileSync(join(here, '../docs/performance.md'), 'utf8');
    expect(replaceGenerated(page, 'new')).toContain(`${MARK_BEGIN}\nnew\n${MARK_END}`);
  });
});

describe('options', () => {
  it('takes rows by name, and writes the page only after a whole run', () => {
    expect(readOptions([])).toMatchObject({ rows: new Set(ROWS), doc: true });
    expect(readOptions(['--only', 'lone,start'])).toMatchObject({ rows: new Set(['lone', 'start']), doc: false });
    expect(readOptions(['--quick'])).toMatchObject({ doc: false });
    expect(readOptions(['--help'])).toBe('help');
    expect(() => readOptions(['--only', 'lnoe'])).toThrow('no row lnoe');
    expect(() => readOptions(['--only', ','])).toThrow('no row named');
    expect(() => readOptions(['--fast'])).toThrow('--fast');
  });
});

describe('many sites', () => {
  it('asks every question of what they told, and leaves nothing behind', async () => {
    const parent = openFolder();
    try {
      const said: string[] = [];
      const r = await measureSites({ sites: 20, hours: 2, windowMs: 1_200_000, days: 40, dir: parent }, (line) => said.push(line));
      expect(r).toMatchObject({ sites: 20, deltas: 120 });
      expect(r.heapMib).toHaveLength(2);
      expect(r.questions.map((q) => q.what)).toContain('sla/report?month=2026-09');
      for (const q of r.questions) expect(q.bytes, q.what).toBeGreaterThan(500);
      expect(readdirSync(parent)).toEqual([]);
    } finally {
      rmSync(parent, { recursive: true, force: true });
    }
  }, 60_000);
});

/** A folder that the user whom PostgreSQL runs as can reach. */
function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-test-'));
  chmodSync(folder, 0o755);
  return folder;
}

// Where the tests must be complete there is no excuse; elsewhere a machine without PostgreSQL can still run them.
describe.skipIf(findPostgres() === null && process.env['CI'] !== 'true')('with PostgreSQL', () => {
  it('starts one of its own, transfers money in it, and leaves nothing behind', async () => {
    const bin = findPostgres();
    expect(bin, 'initdb, postgres and pgbench').not.toBeNull();
    const parent = openFolder();
    const cleanup = createCleanup();
    const troubles: string[] = [];
    try {
      const postgres = await startPostgres(bin!, parent, cleanup);
      const load = startLoad(cleanup);
      expect(await postgres.transfers(2, 1, false)).toBeGreaterThan(0);
      expect(await postgres.transfers(2, 1, true)).toBeGreaterThan(0);
      const lone = await load.run({ kind: 'postgres-lone', socket: postgres.socket, count: 5, warmup: 1 });
      expect(lone.latenciesMs).toHaveLength(5);
      await load.run({ kind: 'postgres-many', socket: postgres.socket, count: 20, batch: 10 });
      const nowhere = load.run({ kind: 'postgres-lone', socket: `${postgres.socket}/nowhere`, count: 1, warmup: 0 });
      await expect(nowhere).rejects.toThrow('postgres-lone');
    } finally {
      await cleanup.run((what) => troubles.push(what));
      expect(readdirSync(parent)).toEqual([]);
      rmSync(parent, { recursive: true });
    }
    expect(troubles).toEqual([]);
  });

  it('fills every row, and leaves nothing behind', async () => {
    const parent = openFolder();
    try {
      const args = [join(here, 'main.ts'), '--quick', '--json', '--dir', parent];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let [said, errors] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString('utf8'); });
      child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString('utf8'); });
      const [code] = await once(child, 'close') as [number];
      expect([code, errors]).toEqual([0, errors]);
      const found = JSON.parse(said) as Report;
      expect([...new Set(found.figures.map((f) => f.row))]).toEqual([...ROWS]);
      for (const f of found.figures) {
        expect(f.value.min, f.what).toBeLessThanOrEqual(f.value.median);
        expect(f.value.median, f.what).toBeLessThanOrEqual(f.value.max);
        for (const p of f.peers ?? []) expect(ratio(f, p), `${f.what} / ${p.what}`).toBeGreaterThan(0);
      }
      expect(found.figures.filter((f) => f.row === 'pipeline')[0]?.peers).toHaveLength(4);
      expect(found.missing).toEqual([]);
      expect(readdirSync(parent)).toEqual([]);
    } finally {
      rmSync(parent, { recursive: true, force: true });
    }
  }, 180_000);
});
