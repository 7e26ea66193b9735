/** Every rule catches what it is for and lets pass what is in order; and each says what, why and how to mend it. */
import { describe, expect, test } from 'vitest';
import { CIS, controlReferences, evaluate, readStack, RULES, type Evaluation, type Rule } from '../index.ts';
import { EXAMPLES, type Example } from './examples/index.ts';

const judged = (rule: Rule, example: Example): Evaluation => evaluate([readStack('test', example)], { rules: [rule] });

describe.each(RULES.map((rule) => [rule.id, rule] as const))('%s', (id, rule) => {
  test('catches', () => {
    const examples = EXAMPLES[id]?.catches ?? [];
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const { findings } = judged(rule, example);
      expect(
        findings.map((f) => f.rule),
        JSON.stringify(example),
      ).toContain(id);
      for (const finding of findings) expect(finding.message).toMatch(/^\S.*\S$/);
    }
  });
  test('lets pass', () => {
    const examples = EXAMPLES[id]?.passes ?? [];
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const { findings, passed } = judged(rule, example);
      expect(findings, JSON.stringify(example)).toEqual([]);
      expect(passed, `judges something in ${JSON.stringify(example)}`).toBeGreaterThan(0);
    }
  });
  test('says what must hold, why, and how to mend it', () => {
    expect(id).toMatch(/^TM-[A-Z0-9]+-\d\d$/);
    for (const text of [rule.what, rule.why, rule.fix]) expect(text).toMatch(/^[A-Za-z`].{10,}[.)]$/s);
    expect(controlReferences(rule.controls).some((c) => c.framework === 'SOC 2')).toBe(true);
    expect(new Set(rule.controls).size).toBe(rule.controls.length);
  });
});

test('there are at least forty, each id once, no example without a rule', () => {
  const ids = RULES.map((rule) => rule.id);
  expect(ids.length).toBeGreaterThanOrEqual(40);
  expect(new Set(ids).size).toBe(ids.length);
  expect(Object.keys(EXAMPLES).filter((id) => !ids.includes(id))).toEqual([]);
});

test('every CIS control of the table has a rule', () => {
  const used = new Set(RULES.flatMap((rule) => rule.controls));
  expect(Object.keys(CIS).filter((key) => !used.has(key as keyof typeof CIS))).toEqual([]);
});
