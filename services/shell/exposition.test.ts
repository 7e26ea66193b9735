/**
 * The referee of what services tell of themselves: Prometheus' own parser and the OpenTelemetry collector's own decoder (tools/exposition)
 * read what is written here, and have to find what was counted, bucket for bucket.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCALE, toJson, type Histogram } from '../telemetry/index.ts';
import { encodeMetrics, PROTOBUF_TYPE } from './metrics-protobuf.ts';
import { formatMetrics, TEXT_TYPE, type Metric } from './metrics.ts';
import { encodeMetricsRequest, takeSnapshot, type Temporality } from './otlp/metrics.ts';
import { anyMetrics } from './testing-metrics.ts';
import { encodeTraces } from './tracing/span.ts';

const source = join(import.meta.dirname, '../../tools/exposition');
// On a developer's machine without Go this suite is left out, and says so; in CI it has to run.
const skipped = spawnSync('go', ['version']).status !== 0 && process.env['CI'] !== 'true';
if (skipped) console.warn('exposition.test.ts: skipped, because the tool `go` is not installed (https://go.dev/dl)');

const folder = mkdtempSync(join(tmpdir(), 'tidemark-exposition-'));
const program = join(folder, process.platform === 'win32' ? 'exposition.exe' : 'exposition');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Hist {
  readonly scale: number;
  readonly count: number;
  readonly sum: number;
  readonly zero: number;
  readonly zeroThreshold: number;
  readonly buckets: readonly (readonly [number, number])[];
  readonly min?: number;
  readonly max?: number;
}
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value?: string;
  readonly histogram?: Hist;
}
interface Scrape {
  readonly samples: readonly Sample[];
  readonly types: Readonly<Record<string, string>>;
  readonly helps: Readonly<Record<string, string>>;
}
interface Point {
  readonly name: string;
  readonly help: string;
  readonly unit: string;
  readonly type: string;
  readonly delta: boolean;
  readonly monotonic: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  readonly start: string;
  readonly time: string;
  readonly value?: number;
  readonly histogram?: Hist;
}

function read<T>(args: readonly string[], input: string | Uint8Array): T {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  expect(`${status}: ${stderr}`).toBe('0: ');
  return JSON.parse(stdout) as T;
}

/** One run of the program for a hundred cases: each has names of its own. */
const many = fc.sample(anyMetrics(), { numRuns: 100, seed: 7 }).flatMap((metrics, i) => metrics.map((m): Metric => ({ ...m, name: `n${i}_${m.name}` }))).filter((m) => m.samples.length > 0);
const bare = ({ count, sum, zero, buckets }: Histogram): Hist => ({ scale: SCALE, count, sum, zero, zeroThreshold: 0, buckets: toJson({ count, sum, zero, buckets, min: 0, max: 0 }).buckets });
const seriesOf = (labels: Readonly<Record<string, string>>): string => JSON.stringify(Object.entries(labels).sort());
/** Of the edge of a bucket two texts are one number; of what is not a number there is one. */
const sorted = (samples: readonly Sample[]): string[] => samples
  .map(({ labels: { le, ...labels }, value }) => `${seriesOf({ ...labels, ...(le === undefined ? {} : { le: String(Number(le.replace('+Inf', 'Infinity'))) }) })} ${value}`).sort();

describe.skipIf(skipped)('the referee', () => {
  beforeAll(() => {
    const built = spawnSync('go', ['build', '-mod=readonly', '-o', program, '.'], { cwd: source, encoding: 'utf8' });
    expect(`${built.status}: ${built.stderr.slice(-2_000)}`).toMatch(/^0: /);
  }, 600_000);

  describe('Prometheus', () => {
    it('finds the native histograms whole, and valid', () => {
      const { samples } = read<Scrape>(['prometheus', PROTOBUF_TYPE], encodeMetrics(many));
      const found = new Map(samples.filter((s) => s.histogram !== undefined).map((s) => [seriesOf(s.labels), s.histogram]));
      const expected = many.flatMap((m) => (m.type !== 'histogram' ? [] : m.samples.map(({ labels, histogram }) =>
        [seriesOf({ ...labels, __name__: m.name }), bare(histogram)] as const)));
      expect(expected.length).toBeGreaterThan(100);
      for (const [series, histogram] of expected) expect(found.get(series), series).toEqual(histogram);
    });

    it('finds the same in both formats', () => {
      const [text, proto] = [read<Scrape>(['prometheus', TEXT_TYPE], formatMetrics(many)), read<Scrape>(['prometheus', PROTOBUF_TYPE], encodeMetrics(many))];
      expect(sorted(proto.samples.filter((s) => s.histogram === undefined))).toEqual(sorted(text.samples));
      expect(proto.types).toEqual(text.types);
      expect(proto.helps).toEqual(text.helps);
      expect(text.types).toEqual(Object.fromEntries(many.map((m) => [m.name, m.type])));
    });
  });

  describe('the OpenTelemetry collector', () => {
    const at = 1_790_000_000_123;
    const request = (temporality: Temporality): { resource: object; points: Point[] } => {
      const now = takeSnapshot(many, at);
      return read(['otlp-metrics'], encodeMetricsRequest(now, null, { resource: { 'service.name': 'x' }, temporality, startedAt: at - 1_000, first: now }));
    };

    it.each<Temporality>(['cumulative', 'delta'])('finds every figure, %s', (temporality) => {
      const { points, resource } = request(temporality);
      expect(resource).toEqual({ 'service.name': 'x' });
      const found = new Map(points.map((p) => [p.name + seriesOf(p.attributes), p]));
      let count = 0;
      for (const m of many) {
        for (const sample of m.samples) {
          const point = found.get(m.name + seriesOf(sample.labels ?? {}));
          if ('value' in sample ? !Number.isFinite(sample.value) : temporality === 'delta' && sample.histogram.count === 0) {
            expect(point).toBeUndefined();
            continue;
          }
          count += 1;
          expect(point).toMatchObject({ help: m.help, unit: '', time: `${at}000000` });
          if ('value' in sample) {
            expect(Object.is(point!.value! + 0, sample.value + 0), `${m.name} ${point!.value} ${sample.value}`).toBe(true);
            expect(point).toMatchObject(m.type === 'gauge' ? { type: 'Gauge' } : { type: 'Sum', monotonic: true, delta: temporality === 'delta', start: `${at - 1_000}000000` });
          } else {
            const { count: n, min, max } = sample.histogram;
            expect(point).toMatchObject({ type: 'ExponentialHistogram', delta: temporality === 'delta', start: `${at - 1_000}000000` });
            expect(point!.histogram).toEqual({ ...bare(sample.histogram), ...(n === 0 ? {} : { min, max }) });
          }
        }
      }
      expect(points).toHaveLength(count);
    });

    it('finds the spans of a trace', () => {
      const [traceId, spanId, parentId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', '00f067aa0ba902b7'];
      const { spans, resource } = read<{ spans: object[]; resource: object }>(['otlp-traces'], encodeTraces({ 'service.name': 'tidemark-edge-node' }, { name: 'tidemark', version: '1' }, [
        { traceId, spanId, parentId, isRemote: true, name: 'decide', kind: 'server', start: at, end: at + 1.5, attributes: { a: 'b', n: 3, x: 0.5, yes: true }, links: [{ traceId, spanId: parentId }], error: 'no' },
      ]));
      expect(resource).toEqual({ 'service.name': 'tidemark-edge-node' });
      expect(spans).toEqual([{
        traceId, spanId, parentId, name: 'decide', kind: 'Server', status: 'Error', start: `${at}000000`, end: `${at + 1}500000`,
        attributes: { a: 'b', n: 3, x: 0.5, yes: true }, links: [`${traceId}/${parentId}`],
      }]);
    });
  });
});
