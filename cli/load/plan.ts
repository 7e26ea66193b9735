/** From a scenario and what was asked for to the plan that k6 runs. Pure. */
import type { Platform } from '../../platform/index.ts';
import type { EdgeTarget, LoadPlan } from '../../loadtests/plan.ts';
import type { Scenario } from '../../loadtests/scenarios.ts';
import { judgedSlas, RATIO_WARM_UP_SECONDS } from '../../loadtests/thresholds.ts';
import { CliError, EXIT } from '../errors.ts';
import type { FileSettlements } from './file.ts';

export interface LoadRequest {
  readonly scenario: Scenario;
  readonly rate: number;
  readonly seconds: number;
  readonly seed: number;
  readonly platform: Platform;
  readonly edges: readonly EdgeTarget[];
  /** The local platform's control API, where there is one: partitions need it. */
  readonly local?: { readonly url: string; readonly token: string };
  readonly run: string;
  /** Settlements of a file instead of generated ones. */
  readonly file?: FileSettlements;
}

/** Shortest run in which a partition, its third and its healing can be told apart. Seconds. */
const PARTITION_SECONDS_MIN = 9;
const MERCHANTS = 50;
const CUSTOMERS = 1_000;
const SKEW = 1.05;
const BATCH = 200;

/** @throws CliError when the scenario can't be run against this target */
export function planLoad(request: LoadRequest): LoadPlan {
  const { scenario, platform, edges, local } = request;
  const populations = scenario.populations({ rate: request.rate, seconds: request.seconds });
  const partition = scenario.partition === true;
  if (partition && local === undefined) {
    throw new CliError(EXIT.usage, 'needs-local', `${scenario.name}: partitions are made by the local platform, and --target is not one; leave --target out`);
  }
  if (partition && request.seconds < PARTITION_SECONDS_MIN) {
    throw new CliError(EXIT.usage, 'usage', `--duration: ${scenario.name} cuts a region off for the middle third; give it ${PARTITION_SECONDS_MIN} s or more, got ${request.seconds} s`);
  }
  const region = platform.regions.find((r) => r.edges.some((e) => edges.some((target) => target.id === e.id)));
  const roles = Object.values(populations).filter((p) => p.judged).map((p) => p.role);
  const { judged, unjudged } = judgedSlas(platform.slas, roles, partition, request.seconds);
  if (judged.length === 0) {
    throw new CliError(EXIT.usage, 'no-slas', `${scenario.name}: the definition has no SLA that this scenario measures; it has ${platform.slas.map((s) => s.id).join(', ') || 'none'}`);
  }
  return {
    scenario: scenario.name, seed: request.seed, run: request.run, asset: request.file?.asset ?? platform.assets[0]!.code, edges,
    ...(request.file === undefined ? {} : { file: request.file.path }),
    accounts: { prefix: `load-${request.run}`, merchants: scenario.merchants ?? MERCHANTS, customers: CUSTOMERS },
    data: request.file?.what ?? 'generated', hotShare: scenario.hotShare ?? 0, skew: scenario.skew ?? SKEW, batchSize: BATCH, populations, slas: judged, unjudged,
    ratioWarmUpSeconds: RATIO_WARM_UP_SECONDS,
    ...(partition && region !== undefined && local !== undefined
      ? {
        drill: {
          url: local.url, token: local.token, region: region.id, edges: region.edges.map((e) => e.id),
          fromSeconds: request.seconds / 3, forSeconds: request.seconds / 3,
        },
      }
      : {}),
  };
}

/** `90s`, `10m`, `1h30m`, `45` seconds. @returns seconds, null when it is no duration */
export function parseDuration(text: string): number | null {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (parts === null || text === '') return null;
  const [, h = '0', m = '0', s = '0'] = parts;
  return Number(h) * 3_600 + Number(m) * 60 + Number(s);
}
