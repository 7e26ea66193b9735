/**
 * Prometheus' exposition in Protocol Buffers, the one that has native histograms (prometheus/client_model, metrics.proto; Prometheus'
 * specification "Native Histograms"). Our buckets are those of schema 6, so they travel as they are, beside the classic ones.
 */
import { SCALE, type Histogram } from '../telemetry/index.ts';
import { classicBuckets, type Labels, type Metric } from './metrics.ts';
import { delimited, message, type Message } from './protobuf.ts';

export const PROTOBUF_TYPE = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const TYPES = { counter: 0, gauge: 1, histogram: 4 } as const satisfies Record<Metric['type'], number>;
/** Fields of `Metric`. */
const VALUE_FIELDS = { gauge: 2, counter: 3 } as const;

/** `MetricFamily` after `MetricFamily`; one without samples is none (expfmt). Numbers of fields are the schema's; tools/exposition holds them against Prometheus. */
export const encodeMetrics = (metrics: readonly Metric[]): Uint8Array => delimited(metrics.filter((m) => m.samples.length > 0).map(family));

function family(m: Metric): Message {
  const out = message().text(1, m.name).text(2, m.help).uint(3, TYPES[m.type]);
  if (m.type === 'histogram') {
    for (const { labels, histogram } of m.samples) out.message(4, withLabels(labels).message(7, nativeHistogram(histogram)));
  } else {
    for (const { labels, value } of m.samples) out.message(4, withLabels(labels).message(VALUE_FIELDS[m.type], message().double(1, value)));
  }
  return out;
}

function withLabels(labels: Labels = {}): Message {
  const out = message();
  for (const [name, value] of Object.entries(labels)) out.message(1, message().text(1, name).text(2, value));
  return out;
}

function nativeHistogram(h: Histogram): Message {
  const out = message().uint(1, h.count).double(2, h.sum);
  for (const { upTo, count } of classicBuckets(h)) out.message(3, message().uint(1, count).double(2, upTo));
  const { spans, deltas } = spansOf(h);
  // The zero bucket is of exact zeros.
  out.sint(5, SCALE).double(6, 0).uint(7, h.zero);
  for (const { offset, length } of spans) out.message(12, message().sint(1, offset).uint(2, length));
  for (const delta of deltas) out.sint(13, delta);
  return out;
}

interface Span {
  /** Buckets without counts before it: from bucket 0 for the first one, else from the end of the one before. */
  readonly offset: number;
  length: number;
}

/** Stretches of buckets that follow each other, and each bucket's count as its difference to the bucket before. */
export function spansOf({ buckets }: Pick<Histogram, 'buckets'>): { readonly spans: readonly Span[]; readonly deltas: readonly number[] } {
  const spans: Span[] = [];
  const deltas: number[] = [];
  let [next, before] = [0, 0];
  for (const [index, count] of [...buckets].sort((a, b) => a[0] - b[0])) {
    // Prometheus numbers a bucket by its upper end, we and OpenTelemetry by its lower one.
    const place = index + 1;
    const last = spans.at(-1);
    if (last !== undefined && place === next) last.length += 1;
    else spans.push({ offset: place - next, length: 1 });
    deltas.push(count - before);
    [next, before] = [place + 1, count];
  }
  // A span of nothing says that the histogram is a native one before there is anything in it.
  return spans.length === 0 ? { spans: [{ offset: 0, length: 0 }], deltas } : { spans, deltas };
}
