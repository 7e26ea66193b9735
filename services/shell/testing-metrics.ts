/** Metrics for properties: whatever a service could have counted. */
import fc from 'fast-check';
import { emptyHistogram, record, type Histogram } from '../telemetry/index.ts';
import type { Labels, Metric } from './metrics.ts';

const anyName = fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/);
/** A label without a value is none, to Prometheus. */
const anyLabels: fc.Arbitrary<Labels> = fc.dictionary(anyName.filter((n) => n !== 'le'), fc.string({ minLength: 1 }), { maxKeys: 2, noNullPrototype: true });

/** Values from the nanosecond to the year, and exact zeros. Milliseconds. */
const anyDuration = fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 3e10, noNaN: true }), fc.double({ min: 0.5, max: 2, noNaN: true }));

export const anyHistogram = (): fc.Arbitrary<Histogram> => fc.array(fc.tuple(anyDuration, fc.integer({ min: 1, max: 1_000_000_000 })), { maxLength: 20 }).map((values) => {
  const h = emptyHistogram();
  for (const [value, times] of values) record(h, value, times);
  return h;
});

/** With names that are theirs alone, and no two samples of one name with the same labels. */
export const anyMetrics = (): fc.Arbitrary<Metric[]> => {
  const samplesOf = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<{ labels: Labels; value: T }[]> => fc.uniqueArray(
    fc.record({ labels: anyLabels, value }), { maxLength: 3, selector: ({ labels }) => JSON.stringify(Object.entries(labels).sort()) },
  );
  const family = { name: anyName, help: fc.string() };
  return fc.uniqueArray(fc.oneof(
    fc.record({ ...family, type: fc.constant('gauge' as const), samples: samplesOf(fc.double()) }),
    fc.record({ ...family, type: fc.constant('counter' as const), samples: samplesOf(fc.nat(Number.MAX_SAFE_INTEGER)) }),
    fc.record({ ...family, type: fc.constant('histogram' as const), samples: samplesOf(anyHistogram()) })
      .map((m) => ({ ...m, samples: m.samples.map(({ labels, value }) => ({ labels, histogram: value })) })),
  ), { maxLength: 5, selector: (m) => m.name });
};
