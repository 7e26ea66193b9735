/**
 * `npm run bench`: measures the rows of docs/performance.md in one run, beside PostgreSQL, and writes them there.
 * Everything that it starts is its own: a PostgreSQL and platforms in folders of their own, on ports that the system chooses.
 */
import {
  closeSync, fdatasyncSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync, writeSync,
} from 'node:fs';
import { arch, cpus, getPriority, loadavg, platform as systemName, release, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import deployment from '../tidemark.config.ts';
import type { Platform } from '../platform/index.ts';
import { createCleanup } from './cleanup.ts';
import { formatHotSpots, hotSpots, type CpuProfile } from './hot-spots.ts';
import { startLoad } from './load.ts';
import { findPostgres, startPostgres } from './postgres.ts';
import { formatMarkdown, formatTable, replaceGenerated, type Figure, type Machine, type Report } from './report.ts';
import {
  batch, fill, finality, FULL, hot, lone, measurePeer, memory, perceived, pipeline, pipelineWide, QUICK, ROWS, startUp, telemetry,
  type Context, type Peer, type Row,
} from './rows.ts';
import { observed, smallest, startStand, type Stand } from './stand.ts';
import { percentile, type Spread } from './stats.ts';

const HELP = `npm run bench -- [options]      measures this machine; see docs/performance.md

  --only ROW,...   of ${ROWS.join(', ')}
  --quick          counts so small that the figures mean nothing: does it all work?
  --json           one JSON object on standard output instead of the table
  --dir FOLDER     where to put the data (default: the system's temporary folder); the disk under it is what is measured
  --profile FOLDER leave CPU profiles of all services there, and print where the time went
  --no-doc         leave docs/performance.md alone (as --only and --quick do, too)
  --help

examples
  npm run bench
  npm run bench -- --only lone,finality --json
  npm run bench -- --only pipeline --profile /tmp/profiles
`;

/** The fill of the big log stops in time for the whole run to stay under six minutes. */
const FILL_UNTIL_MS = 270_000;
const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));

interface Options {
  readonly rows: ReadonlySet<Row>;
  readonly quick: boolean;
  readonly json: boolean;
  readonly dir: string;
  readonly profile: string | null;
  readonly doc: boolean;
}

class UsageError extends Error {}

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options | 'help' {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' }, quick: { type: 'boolean' }, json: { type: 'boolean' }, dir: { type: 'string' },
        profile: { type: 'string' }, 'no-doc': { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) return 'help';
  const names = values.only?.split(',').map((s) => s.trim()).filter((s) => s !== '') ?? [...ROWS];
  const unknown = names.filter((n) => !(ROWS as readonly string[]).includes(n));
  if (unknown.length > 0 || names.length === 0) {
    throw new UsageError(`--only: no row ${unknown.join(', ') || 'named'}; there are ${ROWS.join(', ')}`);
  }
  return {
    rows: new Set(names as Row[]), quick: values.quick === true, json: values.json === true, dir: resolve(values.dir ?? tmpdir()),
    profile: values.profile === undefined ? null : resolve(values.profile),
    doc: values['no-doc'] !== true && values.only === undefined && values.quick !== true && values.profile === undefined,
  };
}

function describe(dir: string): Machine {
  const file = join(dir, `tidemark-bench-sync-${process.pid}`);
  const fd = openSync(file, 'w');
  const took: number[] = [];
  try {
    const page = Buffer.alloc(4_096, 1);
    for (let i = 0; i < 200; i += 1) {
      const before = performance.now();
      writeSync(fd, page);
      fdatasyncSync(fd);
      took.push(performance.now() - before);
    }
  } finally {
    closeSync(fd);
    rmSync(file, { force: true });
  }
  const [cpu] = cpus();
  return {
    cpu: (cpu?.model ?? 'unknown').trim(), cores: cpus().length, memoryGiB: totalmem() / 2 ** 30,
    system: `${systemName()} ${release()} ${arch()}`, loadBefore: loadavg()[0] ?? 0, nice: getPriority(),
    syncMs: percentile(took, 0.5),
    // TMPFS_MAGIC and RAMFS_MAGIC of statfs(2).
    volatile: systemName() === 'linux' && [0x01021994, 0x858458f6].includes(statfsSync(dir).type),
  };
}

/** Runs the rows. @param say one line about what is going on */
export async function bench(o: Options, say: (line: string) => void): Promise<Report> {
  const began = performance.now();
  const date = new Date().toISOString().slice(0, 10);
  const amounts = o.quick ? QUICK : FULL;
  const cleanup = createCleanup();
  const figures: Figure[] = [];
  const missing: string[] = [];
  const wants = (...rows: Row[]): boolean => rows.some((r) => o.rows.has(r));
  const undo = (): Promise<void> => cleanup.run((what) => say(`while cleaning up: ${what}`));
  const onSignal = (signal: NodeJS.Signals): void => {
    say(`${signal}: cleaning up`);
    void undo().then(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, onSignal);
  try {
    mkdirSync(o.dir, { recursive: true });
    const machine = describe(o.dir);
    const load = startLoad(cleanup);

    let peer: Peer | null = null;
    if (wants('lone', 'pipeline', 'hot')) {
      const bin = findPostgres();
      if (bin === null) {
        const why = 'PostgreSQL is not here (initdb, postgres and pgbench in /usr/lib/postgresql/*/bin or in PATH; '
          + 'on Debian: apt-get install postgresql), so rows stand without it';
        if (process.env['CI'] === 'true') throw new Error(`${why}; with CI=true that is a failure`);
        missing.push(why);
        say(why);
      } else {
        say(`PostgreSQL from ${bin}`);
        const postgres = await startPostgres(bin, o.dir, cleanup);
        peer = await measurePeer(postgres, load, amounts, o.rows, say);
        await postgres.stop();
      }
    }

    const context: Context = { amounts, load, peer, say };
    const stand = async (platform: Platform, name: string, telemetryWindowMs?: number): Promise<Stand> => {
      const { regions } = platform;
      const replicas = regions.map((r) => r.replicas).join(' + ');
      say(`starting a platform: edge nodes: ${regions.flatMap((r) => r.edges).length}, replicas: ${replicas}, the control plane`);
      const profiling = o.profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(o.profile, name)}`];
      return startStand(platform, cleanup.folder(o.dir, `tidemark-bench-${name}-`), load, cleanup, profiling, say, telemetryWindowMs);
    };
    async function row(name: Row, work: () => Promise<readonly Figure[]> | readonly Figure[]): Promise<void> {
      if (!o.rows.has(name)) return;
      say(`row ${name}`);
      figures.push(...await work());
    }

    const small = await stand(smallest, 'small');
    // Compiled code, filled caches: what a service that runs for longer than a minute has.
    await fill(context, small, amounts.bulk / 4, Infinity);
    let rate: Spread | null = null;
    await row('lone', () => lone(context, small));
    await row('batch', () => batch(context, small));
    if (wants('pipeline', 'hot')) {
      say('row pipeline');
      const found = await pipeline(context, small);
      rate = found.rate;
      if (wants('pipeline')) figures.push(...found.figures);
    }
    await row('hot', () => hot(context, small, rate!));
    await row('finality', () => finality(context, small));
    await row('perceived', () => perceived(context, small, deployment));
    if (wants('memory', 'start')) {
      const size = wants('start') ? amounts.startLog : amounts.memoryLog;
      const reached = await fill(context, small, size, began + FILL_UNTIL_MS);
      const count = (n: number): string => n.toLocaleString('en-US');
      if (reached < size) missing.push(`a log of ${count(size)} settlements: time was up at ${count(reached)}`);
    }
    await row('memory', () => memory(small));
    await row('start', () => startUp(context, small));
    await small.stop();
    if (wants('pipeline')) {
      const wide = await stand(deployment, 'wide');
      await wide.settle({ count: amounts.bulk / 4, batch: amounts.batch, connections: 1, hot: false });
      figures.push(...await pipelineWide(context, wide));
      await wide.stop();
    }
    if (wants('telemetry')) {
      say('row telemetry');
      const [on, off] = [await stand(observed, 'telemetry-on'), await stand(smallest, 'telemetry-off', 0)];
      for (const s of [on, off]) await s.settle({ count: amounts.bulk / 4, batch: amounts.batch, connections: 1, hot: false });
      figures.push(...await telemetry(context, on, off));
      await on.stop();
      await off.stop();
    }
    const order = (f: Figure): number => (ROWS as readonly string[]).indexOf(f.row);
    return {
      date, machine, missing,
      command: `npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`,
      seconds: (performance.now() - began) / 1_000,
      versions: { Node: process.versions.node, SQLite: sqliteVersion(), ...(peer === null ? {} : { PostgreSQL: peer.version }) },
      figures: figures.sort((x, y) => order(x) - order(y)),
    };
  } finally {
    await undo();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
  }
}

function sqliteVersion(): string {
  const db = new DatabaseSync(':memory:');
  try {
    return (db.prepare('SELECT sqlite_version() AS v').get() as { v: string }).v;
  } finally {
    db.close();
  }
}

async function main(): Promise<void> {
  let options: Options | 'help';
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`bench: ${error.message}\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  if (options === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const began = performance.now();
  const say = (line: string): void => {
    process.stderr.write(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  const report = await bench(options, say);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${formatTable(report)}\n`);
  if (options.profile !== null) {
    for (const name of readdirSync(options.profile)) {
      const folder = join(options.profile, name);
      for (const file of readdirSync(folder).filter((f) => f.endsWith('.cpuprofile')).sort()) {
        const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
        process.stderr.write(`${formatHotSpots(`${name}/${file}`, hotSpots(profile))}\n`);
      }
    }
  }
  if (options.doc) writeFileSync(PAGE, replaceGenerated(readFileSync(PAGE, 'utf8'), formatMarkdown(report)));
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
  // Not left to Node: after sockets were reset (the wires of row `perceived`), Node 26 may spin for ever while it closes handles.
  process.stdout.write('', () => process.exit());
}
