import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command } from 'commander';
import { loadPlatform, type Platform } from '../../platform/index.ts';
import type { LocalPlatform, WanMode } from '../../services/local/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { withJson, type Io } from '../io.ts';
import { clientsOf, type EdgeSite } from '../platform.ts';
import { onInterrupt } from '../interrupt.ts';
import type { Ending } from '../program.ts';
import { replay, type ReplayResult } from '../replay/run.ts';
import { version } from '../version.ts';
import { PATIENCE_MS, phaseProgress, planFile, planLine, reportReplay, withFile, type FileOptions } from './replay.ts';
import { wanMode } from './up.ts';

/** Nothing was answered for this long while a region is cut off: it is healed early, or the replay would wait for ever. */
const STUCK_MS = 30_000;
/** How long edge nodes may take to notice that they are cut off. */
const NOTICE_MS = 30_000;

interface IsolatedOptions extends FileOptions {
  readonly json?: boolean;
  readonly config: string;
  readonly wan: WanMode;
  readonly cut?: string;
  readonly keep?: boolean;
}

export function addReplayIsolated(program: Command, io: Io, ending: Ending): void {
  withJson(
    withFile(program.command('replay-isolated', { hidden: true })
      .description('replay a file into a platform of its own in a temporary folder, with one region cut off for the middle '
        + 'third; what `npm run replay:bank` runs'))
      .option('--config <file>', 'the definition of the deployment', CONFIG_FILE)
      .option('--wan <mode>', 'emulated round trips between sites: on or off', wanMode, 'off')
      .option('--cut <site>', 'what is cut off for the middle third (the first region with edge nodes, when left out; none '
        + 'for nothing)')
      .option('--keep', 'leave the data folder behind'),
    [
      'npm run -s replay:bank -- transactions.csv.gz', 'npm run -s replay:bank -- transactions.csv.gz --json',
      'tidemark replay-isolated transactions.csv.gz --wan on --cut us',
    ],
  ).action(async (file: string, options: IsolatedOptions) => {
    const { startLocalPlatform } = await import('../../services/local/index.ts');
    const definition = await loadPlatform(options.config);
    const site = cutSite(definition, options.cut);
    const { mapping, plan } = await planFile(file, options);
    io.err(planLine(file, mapping, plan));
    const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-replay-'));
    const progress = phaseProgress();
    const interrupt = onInterrupt('interrupted; nothing is left behind');
    let platform: LocalPlatform | null = null;
    try {
      platform = await startLocalPlatform(definition, { dataDir, portBase: 0, wan: options.wan, logLevel: 'warn' });
      const running = platform;
      const clients = clientsOf(running.state(), { patienceMs: PATIENCE_MS, signal: interrupt.signal });
      try {
        const drill = createDrill(running, clients.edges, site, plan.rows, io.err);
        const work = replay({
          path: file, mapping, plan, target: clients, limit: options.limit, rate: options.rate, batch: options.batch, receipts: options.receipts,
          restart: false, version, say: io.err, drill: drill.at,
          onProgress(phase, done, total, note) {
            drill.progress();
            progress.on(phase, done, total, note);
          },
        });
        const result = await Promise.race([work.finally(drill.stop), interrupt.happened]);
        progress.stop();
        const ok = result.ok && drill.happened();
        reportReplay(
          {
            ...result, ok,
            problems: drill.happened() ? result.problems : [...result.problems, `${site} was not cut off for the middle third`],
          } satisfies ReplayResult,
          mapping, options.json === true, io, ending,
        );
      } finally {
        await clients.close();
      }
    } finally {
      progress.stop();
      await platform?.stop();
      interrupt.stop();
      if (options.keep === true) io.err(`data left in ${dataDir}`);
      else rmSync(dataDir, { recursive: true, force: true });
    }
  });
}

function cutSite(definition: Platform, asked: string | undefined): string | null {
  if (asked === 'none') return null;
  return asked ?? definition.regions.find((r) => r.edges.length > 0)!.id;
}

interface Drill {
  readonly at: ReadonlyMap<number, () => Promise<void>>;
  /** Something was answered. */
  readonly progress: () => void;
  readonly stop: () => void;
  /** Whether the site was cut off and healed, as it should have been. */
  readonly happened: () => boolean;
}

/**
 * Cuts `site` off before the first row of the middle third and heals it behind the last. The first row waits until the edge
 * nodes behind the cut have noticed, so that the middle third is decided offline however fast the replay is.
 */
function createDrill(
  platform: LocalPlatform, edges: readonly EdgeSite[], site: string | null, rows: number, say: (line: string) => void,
): Drill {
  const from = Math.floor(rows / 3);
  const to = Math.floor((2 * rows) / 3);
  let cut = false;
  let healed = false;
  let last = performance.now();
  const heal = async (why: string): Promise<void> => {
    if (!cut || healed || site === null) return;
    healed = true;
    await platform.heal(site);
    say(`${site} is connected again (${why})`);
  };
  const behind = edges.filter((e) => e.region === site || e.id === site);
  const untilNoticed = async (): Promise<void> => {
    const deadline = performance.now() + NOTICE_MS;
    for (const { client } of behind) {
      while ((await client.status()).state === 'ready' && performance.now() < deadline) {
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
      }
    }
  };
  const timer = setInterval(() => {
    if (cut && !healed && performance.now() - last > STUCK_MS) {
      heal(`nothing was answered for ${STUCK_MS / 1_000} s`).catch(() => {});
    }
  }, 1_000);
  const at = new Map<number, () => Promise<void>>();
  if (site !== null && from < to) {
    at.set(from, async () => {
      cut = true;
      await platform.partition(site);
      await untilNoticed();
      last = performance.now();
      say(`${site} is cut off, before row ${from + 1} of ${rows}`);
    });
    at.set(to, () => heal(`before row ${to + 1}`));
  }
  return {
    at,
    progress() {
      last = performance.now();
    },
    stop: () => clearInterval(timer),
    happened: () => at.size === 0 || (cut && healed),
  };
}
