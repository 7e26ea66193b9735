import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyRollup, peeringOf as countedOf, type Rollup } from '../../telemetry/index.ts';
import { peeringOf, peeringPage, PAIRS_MAX, type Sight } from './peering.ts';

interface Line { readonly from: string; readonly to: string; readonly up: boolean | null; readonly sent: number; readonly lost: number }

const NOTHING: Sight = { trust: { regions: new Map() }, latest: new Map() };

function rollupsOf(nodes: number, peers: number, lost: (from: number, to: number) => number): Map<string, Rollup> {
  return new Map(Array.from({ length: nodes }, (_, i) => {
    const rollup = emptyRollup();
    for (let k = 0; k < peers; k += 1) Object.assign(countedOf(rollup.sums, `s${k}`), { sent: 100, lost: lost(i, k) });
    return [`n${i}`, rollup] as const;
  }));
}

test('of more pairs than are listed the worst are: those that are down, then by what they lost', async () => {
  const rollups = rollupsOf(200, 5, (from, to) => (from * 5 + to) % 97);
  const latest = new Map([['n7', { delta: { gauges: { peers: { s3: { up: false, since: 1 }, s4: { up: true, since: 1 } } } } }]]) as unknown as Sight['latest'];
  const { peering, peeringPairs } = await peeringOf(rollups, { ...NOTHING, latest }) as { peering: Line[]; peeringPairs: object };
  expect(peeringPairs).toEqual({ listed: PAIRS_MAX, of: 1_000 });
  expect(peering[0]).toMatchObject({ from: 'n7', to: 's3', up: false });
  const others = Array.from({ length: 1_000 }, (_, i) => i).filter((i) => i !== 7 * 5 + 3).map((i) => i % 97).sort((a, b) => b - a);
  expect(peering.slice(1).map(({ lost }) => lost)).toEqual(others.slice(0, PAIRS_MAX - 1));
});

test('pages hold every pair once, in order, whatever their size', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 }), async (nodes, peers, limit) => {
    const rollups = rollupsOf(nodes, peers, () => 0);
    const all: Line[] = [];
    let after = '';
    for (;;) {
      const page = await peeringPage(rollups, NOTHING, after, limit) as { pairs: Line[]; of: number; next: string | null };
      expect(page.pairs.length).toBeLessThanOrEqual(limit);
      expect(page.of).toBe(nodes * peers);
      all.push(...page.pairs);
      if (page.next === null) break;
      after = page.next;
    }
    expect(all.map(({ from, to }) => `${from}>${to}`)).toEqual(Array.from({ length: nodes }, (_, i) => Array.from({ length: peers }, (__, k) => `n${i}>s${k}`)).flat());
  }), { numRuns: 40 });
});
