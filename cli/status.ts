/** The state of a platform, put together from what its services say: pure. */
import type { RunState } from '../services/local/run-state.ts';
import type { Drift, ServiceStatus } from '../services/protocol/index.ts';
import { fittedTable, fitting, ms, table } from './io.ts';
import { addDrift, addLag, emptyDrift, emptyStages, stageQuantiles, type StageQuantiles } from './replay/lag.ts';

export interface SiteStatus {
  /** `global`, `eu/1`, `eu-fra-1`. */
  readonly id: string;
  readonly tier: 'edge' | 'region' | 'global';
  readonly region?: string;
  readonly url: string;
  /** `ready`, `disconnected`, `halted` as the service says it; `down` when it does not answer. */
  readonly state: ServiceStatus['state'] | 'down';
  readonly partitioned: boolean;
  readonly restarts: number;
  readonly log?: ServiceStatus['log'];
  readonly counts?: ServiceStatus['counts'];
  readonly provisional?: NonNullable<ServiceStatus['provisional']>;
  readonly lag?: StageQuantiles;
  readonly drift?: Drift;
  readonly incidents?: ServiceStatus['incidents'];
}

export interface RegionStatus {
  readonly id: string;
  /** Of its edge nodes together. */
  readonly lag: StageQuantiles;
  readonly provisional: { readonly count: number; readonly offline: number; readonly oldestMs: number; readonly ratio: number };
  readonly drift: Drift;
}

export interface PlatformStatus {
  readonly name: string;
  readonly state: RunState['state'];
  readonly controlUrl: string;
  readonly localUrl: string;
  readonly wan: RunState['wan'];
  readonly partitions: RunState['partitions'];
  readonly sites: readonly SiteStatus[];
  readonly regions: readonly RegionStatus[];
}

/** @param answers what each process said, by its id; null when it did not answer */
export function platformStatus(run: RunState, answers: ReadonlyMap<string, ServiceStatus | null>): PlatformStatus {
  const sites = run.sites.map((s): SiteStatus => {
    const said = answers.get(s.id) ?? null;
    const common = {
      id: s.id, tier: s.tier, ...(s.region === undefined ? {} : { region: s.region }), url: s.url,
      partitioned: s.partitioned, restarts: s.restarts,
    };
    if (said === null) return { ...common, state: 'down' };
    const lag = emptyStages();
    addLag(lag, said);
    return {
      ...common, state: said.state, log: said.log, counts: said.counts, incidents: said.incidents,
      ...(said.provisional === undefined ? {} : { provisional: said.provisional }),
      ...(said.lag === undefined ? {} : { lag: stageQuantiles(lag) }),
      ...(said.drift === undefined ? {} : { drift: said.drift }),
    };
  });
  const regions = [...new Set(run.sites.flatMap((s) => (s.region === undefined ? [] : [s.region])))].map((id): RegionStatus => {
    const lag = emptyStages();
    let drift = emptyDrift();
    const provisional = { count: 0, offline: 0, oldestMs: 0, ratio: 0 };
    let entries = 0;
    for (const s of run.sites) {
      const said = answers.get(s.id) ?? null;
      if (s.tier !== 'edge' || s.region !== id || said === null) continue;
      addLag(lag, said);
      drift = addDrift(drift, said.drift);
      entries += said.log.size;
      provisional.count += said.provisional?.count ?? 0;
      provisional.offline += said.provisional?.offline ?? 0;
      provisional.oldestMs = Math.max(provisional.oldestMs, said.provisional?.oldestMs ?? 0);
    }
    return {
      id, lag: stageQuantiles(lag),
      provisional: { ...provisional, ratio: entries === 0 ? 0 : provisional.count / entries }, drift,
    };
  });
  return {
    name: run.name, state: run.state, controlUrl: run.controlUrl, localUrl: run.localUrl, wan: run.wan,
    partitions: run.partitions, sites, regions,
  };
}

const percent = (v: number): string => `${(v * 100).toFixed(v > 0 && v < 0.001 ? 3 : 1)}%`;

const NETWORK: Readonly<Record<RunState['wan']['mode'], string>> = {
  emulated: 'round trips of the real network emulated', off: 'no emulated round trips', direct: 'no emulated network',
};

/** For people. @param columns width to keep to, where there is one: columns that matter least are left out */
export function renderStatus(s: PlatformStatus, columns?: number): string {
  const scale = s.wan.mode === 'emulated' && s.wan.scale !== 1 ? ` (times ${s.wan.scale})` : '';
  const lines = [`${s.name}: ${s.state}, ${NETWORK[s.wan.mode]}${scale}`];
  for (const p of s.partitions) {
    lines.push(
      `cut off: ${p.site} since ${new Date(p.since).toISOString()}${p.until === null ? '' : `, until ${new Date(p.until).toISOString()}`}`,
    );
  }
  const rows = [['SITE', 'TIER', 'STATE', 'LOG', 'PROVISIONAL', 'OFFLINE', 'DRIFTED SINCE START', 'URL']];
  for (const site of s.sites) {
    rows.push([
      site.id, site.tier, `${site.state}${site.partitioned ? ' (cut off)' : ''}`, site.log === undefined ? '-' : String(site.log.size),
      site.provisional === undefined ? '' : `${site.provisional.count} (${percent(site.provisional.ratio)})`,
      site.provisional === undefined ? '' : String(site.provisional.offline),
      site.drift === undefined ? '' : `${site.drift.drifted} of ${site.drift.compared}`, site.url,
    ]);
  }
  lines.push('', fittedTable(rows, new Set([3, 4, 5, 6]), [7, 1, 6, 5, 4], columns));
  lines.push('', lagTable([
    ...s.regions.map((r): [string, StageQuantiles] => [`region ${r.id}`, r.lag]),
    ...s.sites.flatMap((site): [string, StageQuantiles][] => (site.lag === undefined ? [] : [[site.id, site.lag]])),
  ], 'LAG SINCE START', columns));
  for (const site of s.sites) {
    for (const i of site.incidents?.slice(-3) ?? []) {
      lines.push(`incident at ${site.id}, ${new Date(i.at).toISOString()}: ${i.kind}: ${i.detail}`);
    }
  }
  return lines.join('\n');
}

/** p50, p95 and p99 of each stage; where that is too wide fewer of them, then of fewer stages. */
export function lagTable(rows: readonly [string, StageQuantiles][], heading = 'LAG', columns?: number): string {
  type Quantile = 'p50' | 'p95' | 'p99';
  const form = (quantiles: readonly Quantile[], stages: readonly (keyof StageQuantiles)[]): string => {
    const cell = (q: StageQuantiles['whole']): string => (q.count === 0 ? '-' : quantiles.map((p) => ms(q[p])).join(' / '));
    return table([
      [`${heading} ${quantiles.join(' / ')}`, ...stages.map((stage) => STAGE_NAMES[stage])],
      ...rows.map(([name, q]) => [name, ...stages.map((stage) => cell(q[stage]))]),
    ]);
  };
  const all = ['provisional', 'ordered', 'final', 'whole'] as const;
  return fitting(columns, [
    () => form(['p50', 'p95', 'p99'], all), () => form(['p50', 'p99'], all), () => form(['p99'], all),
    () => form(['p99'], ['provisional', 'whole']), () => form(['p99'], ['whole']),
  ]);
}

const STAGE_NAMES: Readonly<Record<keyof StageQuantiles, string>> = {
  provisional: 'to provisional', ordered: 'to ordered', final: 'ordered to final', whole: 'whole',
};
