/** What the services tell of themselves: the same figures at /metrics, in both of its formats, and to a receiver of OTLP. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { METRICS, SLA_METRICS } from '../../platform/index.ts';
import { createControlClient, createEdgeClient } from '../protocol/client.ts';
import { PROTOBUF_TYPE } from '../shell/metrics-protobuf.ts';
import { decodeMetrics } from '../shell/testing-exposition.ts';
import { serviceOf, startOtlpReceiver, type OtlpResource } from './fixtures/otlp-receiver.ts';
import { temporaryFolder, tinyPlatform } from './fixtures/platform.ts';
import { startLocalPlatform } from './start.ts';

interface Metric {
  readonly name: string;
  readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: readonly Point[] };
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly exponentialHistogram?: { readonly dataPoints: readonly Point[] };
}
interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
  readonly asInt?: string;
  readonly count?: string;
}

/** The last request of metrics by each service, as a receiver has it. */
async function startReceiver(): Promise<{ url: string; last: Map<string, Metric[]> }> {
  const last = new Map<string, Metric[]>();
  const { url, stop } = await startOtlpReceiver<{ resourceMetrics: [{ resource: OtlpResource; scopeMetrics: [{ metrics: Metric[] }] }] }>('metrics', ({ resourceMetrics: [r] }) => {
    last.set(serviceOf(r.resource), r.scopeMetrics[0].metrics);
  });
  onTestFinished(stop);
  return { url, last };
}

const TIERS = { global: 'tidemark-control-plane', region: 'tidemark-regional-aggregator', edge: 'tidemark-edge-node' } as const;
const SETTLEMENTS = 20;

test('the same figures are at /metrics, as text and in Protocol Buffers, and are sent to a receiver of OTLP, the last of them at the stop', async () => {
  const receiver = await startReceiver();
  const platform = await startLocalPlatform(tinyPlatform(), { dataDir: temporaryFolder(onTestFinished), portBase: 0, wan: 'off', observed: { otlp: receiver.url } });
  onTestFinished(() => platform.stop(5_000));
  const centre = createControlClient(platform.controlUrl, { token: readFileSync(platform.tokenFile, 'utf8').trim() });
  onTestFinished(() => centre.close());
  await centre.openAccounts([{ account: 'bank', asset: 'EUR', overdraftLimit: null }, { account: 'alice', asset: 'EUR', overdraftLimit: '0' }]);
  const edgeUrl = platform.edges[0]!.url;
  const edge = createEdgeClient(edgeUrl);
  onTestFinished(() => edge.close());
  for (let i = 0; i < SETTLEMENTS; i += 1) await edge.settle({ id: `s-${i}`, asset: 'EUR', debitAccount: 'bank', creditAccount: 'alice', amount: 1n });
  while ((await edge.settlement(`s-${SETTLEMENTS - 1}`)).state !== 'final') await sleep(20);

  const urls = { global: platform.controlUrl, edge: edgeUrl, region: platform.regionUrls['eu']![0]! };
  const named = new Map<string, string[]>();
  for (const [tier, url] of Object.entries(urls)) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({ name: name!, type: type! }));
    const names = families.map((f) => f.name);
    named.set(tier, names);
    // What a scraper refuses, or would take for something else.
    expect(new Set(names).size, tier).toBe(names.length);
    for (const { name, type } of families) {
      expect(name).toMatch(/^tidemark_[a-z0-9_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(text).toMatch(new RegExp(`^# HELP ${name} [A-Za-z0-9].*\\.$`, 'm'));
    }
    const proto = await fetch(`${url}/metrics`, { headers: { accept: `${PROTOBUF_TYPE.replaceAll(' ', '')};q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2` } });
    expect(proto.headers.get('content-type')).toBe(PROTOBUF_TYPE);
    const decoded = decodeMetrics(new Uint8Array(await proto.arrayBuffer()));
    const withSamples = names.filter((name) => new RegExp(`^${name}(?:_count)?[ {]`, 'm').test(text));
    expect(decoded.map((f) => f.name), tier).toEqual(withSamples);
    for (const f of decoded.filter((d) => d.type === 4)) for (const m of f.metric) expect(m.histogram!.positive_span.length, f.name).toBeGreaterThan(0);
  }
  const wanted = [...Object.values(SLA_METRICS), ...Object.values(METRICS).filter((m) => m !== METRICS.incidents).map((m) => m.name)];
  expect(named.get('edge')).toEqual(expect.arrayContaining(wanted));

  await platform.stop(20_000);
  for (const [tier, names] of named) expect(receiver.last.get(TIERS[tier as keyof typeof TIERS])?.map((m) => m.name), tier).toEqual(names);
  const point = (tier: keyof typeof TIERS, name: string, label: string, value: string): Point | undefined => {
    const m = receiver.last.get(TIERS[tier])!.find((one) => one.name === name)!;
    return (m.sum ?? m.gauge ?? m.exponentialHistogram)!.dataPoints.find((p) => p.attributes.some((a) => a.key === label && a.value.stringValue === value));
  };
  expect(point('edge', METRICS.settlementsTotal.name, 'decision', 'provisional')?.asInt).toBe(String(SETTLEMENTS));
  expect(point('edge', METRICS.lagMs.name, 'stage', 'whole')?.count).toBe(String(SETTLEMENTS));
  expect(point('global', 'tidemark_global_outcomes_total', 'status', 'final')?.asInt).toBe(String(SETTLEMENTS));
});
