import fc from 'fast-check';
import { expect, test } from 'vitest';
import { askedVariables, stacksShown } from './variables.ts';

test('what has a default, and be it null, is not asked for', () => {
  expect(askedVariables([
    { name: 'global', written: { variable: { b: { description: 'Of b.' }, a: { default: null }, c: { default: '' } } } },
    { name: 'region-eu', written: {} },
    { name: 'edge-a', written: { variable: { b: {}, a: {} } } },
  ])).toEqual([{ name: 'a', stacks: ['edge-a'] }, { name: 'b', stacks: ['global', 'edge-a'], description: 'Of b.' }]);
});

test('every variable of every stack is named once, with all stacks that ask for it', () => {
  const stacks = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), fc.record({ default: fc.string() }, { requiredKeys: [] })));
  fc.assert(fc.property(stacks, (variables) => {
    const asked = askedVariables(variables.map((variable, i) => ({ name: `s${i}`, written: { variable } })));
    const pairs = asked.flatMap(({ name, stacks: names }) => names.map((stack) => `${stack} ${name}`));
    const expected = variables.flatMap((variable, i) => Object.entries(variable).flatMap(([name, { default: fallback }]) => (fallback === undefined ? [`s${i} ${name}`] : [])));
    expect(pairs.toSorted()).toEqual(expected.toSorted());
    expect(asked.map(({ name }) => name)).toEqual([...new Set(asked.map(({ name }) => name))].toSorted());
  }));
});

test('a thousand stacks are counted, not listed', () => {
  const of = (n: number): string[] => Array.from({ length: n }, (_, i) => `s${i}`);
  expect([stacksShown(of(1), 1), stacksShown(of(3), 3), stacksShown(of(7), 7), stacksShown(of(1_000), 1_003)])
    .toEqual(['s0', 's0, s1, s2', 'all 7 stacks', 's0, s1 and 998 more']);
});
