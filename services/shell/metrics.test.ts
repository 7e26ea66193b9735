import { expect, it } from 'vitest';
import { formatMetrics } from './metrics.ts';

it('metrics are in the Prometheus text format, labels escaped', () => {
  expect(formatMetrics([
    { name: 'a_total', help: 'How many.', type: 'counter', samples: [{ value: 3 }, { labels: { who: 'x"y\\z\n' }, value: 1.5 }] },
    { name: 'lag', help: 'Lag.', type: 'summary', samples: [{ labels: { quantile: '0.5' }, value: Number.NaN }, { suffix: '_count', value: 0 }] },
  ])).toBe('# HELP a_total How many.\n# TYPE a_total counter\na_total 3\na_total{who="x\\"y\\\\z\\n"} 1.5\n'
    + '# HELP lag Lag.\n# TYPE lag summary\nlag{quantile="0.5"} NaN\nlag_count 0\n');
});
