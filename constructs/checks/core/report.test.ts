/** Evidence and the page of rules: complete, the same for the same input, and safe to open. */
import { describe, expect, test } from 'vitest';
import { digestOf, digestOfAll } from '../digest.ts';
import { checksPage } from '../page.ts';
import {
  controlReferences,
  evaluate,
  evidenceCsv,
  evidenceMarkdown,
  evidenceOf,
  readStack,
  RULES,
  type Evidence,
} from './index.ts';

const stack = {
  '//': {
    tidemark: { suppressions: [{ rule: 'TM-S3-06', path: 's/logs', reason: '=HYPERLINK("x") | who reads the log of logs' }] },
  },
  module: { net: { source: './net' } },
  resource: {
    aws_s3_bucket: {
      logs: { bucket: 'logs', '//': { metadata: { path: 's/logs' } } },
      open: { bucket: 'open', acl: 'public-read', '//': { metadata: { path: 's/open|<b>' } } },
    },
    aws_kms_key: { k: { enable_key_rotation: true } },
  },
};
const evidence = (json: object, at?: string): Evidence => {
  const digests = new Map([['s', digestOf(json)]]);
  return evidenceOf({
    evaluation: evaluate([readStack('s', json)]),
    digests,
    digest: digestOfAll(digests),
    tool: { name: 'tidemark', version: '1.2.3' },
    ...(at === undefined ? {} : { at }),
  });
};
const of = (e: Evidence, id: string): Evidence['rules'][number] => e.rules.find((r) => r.id === id)!;

describe('evidence', () => {
  test('has every rule with its controls, counts and what was found', () => {
    const found = evidence(stack);
    expect(found.rules.map((r) => r.id)).toEqual(RULES.map((r) => r.id));
    expect(of(found, 'TM-S3-07')).toMatchObject({
      status: 'failed',
      evaluated: 2,
      passed: 1,
      failed: 1,
      suppressed: 0,
      findings: [{ address: 'aws_s3_bucket.open', value: 'public-read' }],
    });
    expect(of(found, 'TM-S3-06')).toMatchObject({
      status: 'failed',
      evaluated: 2,
      failed: 1,
      suppressed: 1,
      suppressions: [{ path: 's/logs', suppressedAt: 's/logs' }],
    });
    expect(of(found, 'TM-KMS-01')).toMatchObject({
      status: 'passed',
      evaluated: 1,
      controls: controlReferences(['kms-rotation', 'CC6.1']),
    });
    expect(of(found, 'TM-RDS-01')).toMatchObject({ status: 'not-applicable', evaluated: 0 });
    for (const rule of found.rules) expect(rule.passed + rule.failed + rule.suppressed, rule.id).toBe(rule.evaluated);
    expect(found.summary.findings).toBe(found.summary.high + found.summary.medium + found.summary.low);
    expect(found.notSeen).toEqual(['s/module.net']);
  });
  test('has every control, in order, with the worst of its rules', () => {
    const { controls } = evidence(stack);
    const status = (framework: string, control: string): string | undefined =>
      controls.find((c) => c.framework === framework && c.control === control)?.status;
    expect([
      status('CIS AWS Foundations 3.0.0', '2.1.4'),
      status('CIS AWS Foundations 4.0.0', '3.6'),
      status('CIS AWS Foundations 4.0.0', '2.2.1'),
    ]).toEqual(['failed', 'passed', 'not-applicable']);
    const cis = controls.filter((c) => c.framework === 'CIS AWS Foundations 3.0.0').map((c) => c.control);
    expect(cis.indexOf('1.15')).toBeLessThan(cis.indexOf('2.1.1'));
    expect(cis).toHaveLength(new Set(cis).size);
  });
  test('is the same for the same configuration in another order, and another for another one', () => {
    const turned = JSON.parse(JSON.stringify({ ...stack, resource: { ...stack.resource } })) as typeof stack;
    const reordered = { resource: turned.resource, module: turned.module, '//': turned['//'] };
    expect(JSON.stringify(evidence(reordered))).toBe(JSON.stringify(evidence(stack)));
    expect(evidence({ ...stack, module: {} }).input.sha256).not.toBe(evidence(stack).input.sha256);
    expect(JSON.stringify(evidence(stack))).not.toMatch(/20\d\d-\d\d-\d\dT/);
    expect(evidence(stack, '2026-01-31T12:00:00Z').at).toBe('2026-01-31T12:00:00Z');
  });
  test('as Markdown tells the same, and takes no markup from what was judged', () => {
    const text = evidenceMarkdown(evidence(stack));
    expect(text).toContain('| TM-S3-07 | high | s/open\\|\\<b\\> |');
    expect(text).toContain('s/module.net');
    for (const line of text.split('\n').filter((l) => l.startsWith('| TM-')))
      expect(line.split(/(?<!\\)\|/).length, line).toBeGreaterThanOrEqual(7);
  });
  test('as CSV is one line for each finding, and no formula', () => {
    const lines = evidenceCsv(evidence(stack)).trimEnd().split('\r\n');
    expect(lines[0]).toBe('rule,severity,status,stack,path,resource,what,value,reason,controls');
    expect(lines.find((l) => l.includes('suppressed'))).toContain(`"'=HYPERLINK(""x"") | who reads the log of logs"`);
    expect(lines.filter((l) => l.startsWith('TM-S3-07'))).toHaveLength(1);
    expect(lines.filter((l) => l.includes('not-applicable')).length).toBeGreaterThan(0);
  });
});

test('docs/checks.md is what the rules say', async () => {
  await expect(checksPage(RULES)).toMatchFileSnapshot('../../../docs/checks.md');
});
