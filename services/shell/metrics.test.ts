import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyHistogram, record, SCALE, type Histogram } from '../telemetry/index.ts';
import { negotiate } from './accept.ts';
import { encodeMetrics, PROTOBUF_TYPE, spansOf } from './metrics-protobuf.ts';
import { formatMetrics, TEXT_TYPE, type Metric } from './metrics.ts';
import { decodeMetrics, type DecodedFamily } from './testing-exposition.ts';
import { anyMetrics } from './testing-metrics.ts';

const histogramOf = (...values: number[]): Histogram => {
  const h = emptyHistogram();
  for (const v of values) record(h, v);
  return h;
};

describe('as text', () => {
  it('metrics are in the Prometheus text format, labels and help escaped', () => {
    expect(formatMetrics([
      { name: 'a_total', help: 'How many.', type: 'counter', samples: [{ value: 3 }, { labels: { who: 'x"y\\z\n' }, value: 1.5 }] },
      { name: 'lag', help: 'Lag \\ and\nmore.', type: 'gauge', samples: [{ value: Number.NaN }, { labels: { a: 'b', c: '' }, value: Infinity }, { value: -Infinity }] },
    ])).toBe('# HELP a_total How many.\n# TYPE a_total counter\na_total 3\na_total{who="x\\"y\\\\z\\n"} 1.5\n'
      + '# HELP lag Lag \\\\ and\\nmore.\n# TYPE lag gauge\nlag NaN\nlag{a="b",c=""} +Inf\nlag -Inf\n');
  });

  it('a histogram is a classic one, which no bound makes better than the truth', () => {
    const lines = formatMetrics([{ name: 'lag_ms', help: 'L.', type: 'histogram', samples: [{ labels: { stage: 'final' }, histogram: histogramOf(0, 0.5, 1, 2.49, 700_000) }] }]).split('\n');
    expect(lines[1]).toBe('# TYPE lag_ms histogram');
    expect(lines[2]).toBe('lag_ms_bucket{stage="final",le="0.25"} 1');
    expect(lines.filter((l) => /le="(0.5|1|2.5|600000|\+Inf)"/.test(l)).map((l) => l.split(' ')[1])).toEqual(['2', '3', '3', '4', '5']);
    expect(lines.slice(-3)).toEqual(['lag_ms_sum{stage="final"} 700003.99', 'lag_ms_count{stage="final"} 5', '']);
  });
});

/** The text of what was decoded, by the rules of Prometheus. */
function asText(families: readonly DecodedFamily[]): string {
  return formatMetrics(families.map((f): Metric => {
    const samples = f.metric.map((m) => ({ labels: Object.fromEntries(m.label.map((l) => [l.name, l.value])), m }));
    if (f.type !== 4) return { name: f.name, help: f.help, type: f.type === 0 ? 'counter' : 'gauge', samples: samples.map(({ labels, m }) => ({ labels, value: (m.counter ?? m.gauge)!.value })) };
    return {
      name: f.name, help: f.help, type: 'histogram', samples: samples.map(({ labels, m: { histogram: h } }) => {
        const buckets = new Map<number, number>();
        let [at, before, i] = [0, 0, 0];
        for (const span of h!.positive_span) {
          at += span.offset;
          for (let k = 0; k < span.length; k += 1, i += 1, at += 1) buckets.set(at - 1, before += h!.positive_delta[i]!);
        }
        expect(i).toBe(h!.positive_delta.length);
        return { labels, histogram: { count: h!.sample_count, sum: h!.sample_sum, zero: h!.zero_count, min: 0, max: Infinity, buckets } };
      }),
    };
  }));
}

describe('as Protocol Buffers', () => {
  it('says the same as the text, for any metrics', () => {
    fc.assert(fc.property(anyMetrics(), (metrics) => {
      const families = decodeMetrics(encodeMetrics(metrics));
      const told = metrics.filter((m) => m.samples.length > 0);
      // What text makes of the decoded native buckets is what it makes of ours, but for bounds beyond the largest value, which only we know.
      const widened = told.map((m): Metric => (m.type !== 'histogram' ? m
        : { ...m, samples: m.samples.map((s) => ({ ...s, histogram: { ...s.histogram, min: 0, max: Infinity } })) }));
      expect(asText(families)).toBe(formatMetrics(widened));
      for (const [i, m] of told.entries()) {
        if (m.type !== 'histogram') continue;
        for (const [k, { histogram }] of m.samples.entries()) {
          const h = families[i]!.metric[k]!.histogram!;
          expect(h).toMatchObject({ schema: SCALE, zero_threshold: 0, zero_count: histogram.zero, sample_count: histogram.count });
          const line = formatMetrics([{ ...m, samples: [{ histogram }] }]);
          for (const b of h.bucket) expect(line).toContain(`${m.name}_bucket{le="${b.upper_bound}"} ${b.cumulative_count}\n`);
        }
      }
    }));
  });

  it('numbers a bucket by its upper end', () => {
    // Prometheus: bucket i of schema 6 is (2^((i-1)/64), 2^(i/64)].
    const { spans } = spansOf(histogramOf(1, 2, 2 ** (6.5 / 64)));
    expect(spans).toEqual([{ offset: 0, length: 1 }, { offset: 6, length: 1 }, { offset: 56, length: 1 }]);
  });

  it('says that an empty histogram is a native one', () => {
    expect(decodeMetrics(encodeMetrics([{ name: 'h', help: '', type: 'histogram', samples: [{ histogram: emptyHistogram() }] }]))[0]!.metric[0]!.histogram)
      .toMatchObject({ positive_span: [{ offset: 0, length: 0 }], positive_delta: [] });
  });
});

describe('what a scraper gets', () => {
  const TYPES: [string, string] = [TEXT_TYPE, PROTOBUF_TYPE];
  /** What Prometheus 3 sends, with `scrape_native_histograms` and without. */
  const PROTO_FIRST = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,'
    + 'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,'
    + 'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';
  const TEXT_FIRST = 'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  it.each<[string, string | undefined, string]>([
    ['Prometheus, native histograms', PROTO_FIRST, PROTOBUF_TYPE], ['Prometheus, text', TEXT_FIRST, TEXT_TYPE],
    ['nothing', undefined, TEXT_TYPE], ['an empty header', ' ', TEXT_TYPE], ['a browser', 'text/html,application/xhtml+xml,*/*;q=0.8', TEXT_TYPE], ['anything', '*/*', TEXT_TYPE],
    ['only Protocol Buffers', PROTOBUF_TYPE, PROTOBUF_TYPE], ['another message', 'application/vnd.google.protobuf; proto=other; encoding=delimited', TEXT_TYPE],
    ['another framing', 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text', TEXT_TYPE],
    ['not that', 'application/vnd.google.protobuf;q=0, */*', TEXT_TYPE], ['what there is not', 'image/png', TEXT_TYPE],
    ['nonsense', ';;;,,,q=,/,a/b;q=x', TEXT_TYPE], ['quality that is none', `${PROTOBUF_TYPE};q=7`, TEXT_TYPE],
  ])('%s', (_who, accept, expected) => {
    expect(negotiate(accept, TYPES)).toBe(expected);
  });

  it('is one of the types that there are, whatever it asks for', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'*/;,q=01. text/plain'.split('')), maxLength: 60 }), (accept) => {
      expect(TYPES).toContain(negotiate(accept, TYPES));
    }));
  });
});
