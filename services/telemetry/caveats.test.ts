import { expect, test } from 'vitest';
import { caveatOf } from './caveats.ts';

test.each([
  ['order-statistic', 1, 0.5, null], ['wilson', 1, undefined, null], ['order-statistic', 12, 0.99, 'says nothing of others'], ['wilson', 12, undefined, 'says nothing of others'],
  ['node-effects', 9, 0.5, 'Of 9 nodes'], ['node-effects', 10, 0.5, null], ['node-effects', 10, 0.95, 'busiest'], ['node-ratio', 3, undefined, 'Of 3 nodes'], ['node-ratio', 10, undefined, 'busiest'],
] as const)('%s of %d nodes at %s', (method, nodes, q, said) => {
  const caveat = caveatOf(method, nodes, q);
  if (said === null) expect(caveat).toBeNull();
  else expect(caveat).toContain(said);
});
