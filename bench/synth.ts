/**
 * How long synthesis takes, by sites: each size in a process of its own, which loads the kit, builds the tree and writes all
 * stacks. Target: 1,000 sites in 20 s, and ten times the sites in ten times the time.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definePlatform, type Platform } from '../platform/index.ts';
import type { Figure } from './report.ts';
import { spread } from './stats.ts';

export const SITES = [10, 100, 1_000] as const;
const TARGET_SECONDS = 20;
/** Linear, and what repetitions differ by. */
const LINEAR_PERCENT = 120;
/** As many to a region as a large deployment has. */
const SITES_A_REGION = 50;
/** Where sites are, in turn. */
const PLACES = ['eu-central-1', 'eu-central-1-waw-1', 'eu-central-1-ham-1', 'eu-west-1', 'us-east-1', 'us-east-1-nyc-1'] as const;

/** A production deployment of so many sites. */
export function platformOf(sites: number): Platform {
  const regions = Math.ceil(sites / SITES_A_REGION);
  return definePlatform({
    name: 'tidemark', origin: 'bench.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' }, witnessQuorum: 1,
    regions: Array.from({ length: regions }, (_, r) => ({
      id: `r${r}`, location: 'eu-central-1', replicas: 3,
      edges: Array.from({ length: Math.min(SITES_A_REGION, sites - r * SITES_A_REGION) }, (_unused, e) => ({
        id: `s${r}-${e}`, location: PLACES[e % PLACES.length]!,
      })),
    })),
    policy: { offlinePerAccount: { EUR: '100000' }, offlinePerNode: { EUR: '10000000' } },
    slas: [{ id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 2_000, owner: 'bench', runbook: 'runbooks/finality.ts' }],
    deploy: {
      environment: 'bench', shape: 'production', domain: 'bench.example.com', hostedZoneId: 'Z0123456789ABCDEFGHIJ', replicaRegion: 'eu-central-1',
      contacts: { page: ['bench@example.com'], ticket: ['bench@example.com'] },
    },
  });
}

interface Measured {
  /** Start of the process to its end. */
  readonly seconds: number;
  readonly peakMib: number;
}

function measure(sites: number): Measured {
  const out = mkdtempSync(join(tmpdir(), 'tidemark-bench-synth-'));
  try {
    const started = performance.now();
    const said = execFileSync(process.execPath, [import.meta.filename, String(sites), out], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    return { seconds: (performance.now() - started) / 1_000, peakMib: (JSON.parse(said) as { peakMib: number }).peakMib };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

interface Point {
  readonly sites: number;
  readonly seconds: number;
}

const perSite = (a: Point, b: Point): number => (b.seconds - a.seconds) / (b.sites - a.sites);

/** @param sizes numbers of sites @param repeats of each */
export function synthesis(sizes: readonly number[] = SITES, repeats = 3, say: (line: string) => void = () => undefined): Figure[] {
  const figures: Figure[] = [];
  const points: Point[] = [];
  for (const sites of sizes) {
    say(`synthesis of ${sites} sites`);
    const runs = Array.from({ length: repeats }, () => measure(sites));
    const seconds = spread(runs.map((run) => run.seconds));
    points.push({ sites, seconds: seconds.median });
    figures.push(
      { row: 'synth', what: `synthesis of ${sites.toLocaleString('en')} edge sites, a process of its own`, unit: 's', better: 'lower', value: seconds, ...(sites === 1_000 ? { target: TARGET_SECONDS } : {}) },
      { row: 'synth', what: 'its peak memory', unit: 'MiB', better: 'lower', value: spread(runs.map((run) => run.peakMib)) },
    );
  }
  const [small, middle, large] = points.slice(-3);
  if (small !== undefined && middle !== undefined && large !== undefined) {
    figures.push({
      row: 'synth', what: `time of one more site, from ${middle.sites} to ${large.sites}, as a share of that from ${small.sites} to ${middle.sites}`,
      unit: '%', better: 'lower', value: spread([100 * perSite(middle, large) / perSite(small, middle)]), target: LINEAR_PERCENT,
    });
  }
  return figures;
}

if (import.meta.main) {
  const [sites, out] = process.argv.slice(2);
  if (sites === undefined || out === undefined) throw new Error('usage: synth.ts SITES FOLDER');
  const { buildApp } = await import('../stacks/app.ts');
  mkdirSync(out, { recursive: true });
  buildApp(platformOf(Number(sites)), { outdir: out }).synth();
  process.stdout.write(JSON.stringify({ peakMib: process.resourceUsage().maxRSS / 1_024 }));
}
