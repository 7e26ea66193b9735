/** What the definitions of this repository say to do on a breach is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { INDICATORS, type Indicator, type Platform } from './index.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const configs = ['tidemark.config.ts', ...readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.config.ts')).map((name) => `examples/${name}`)];

/** As repositories' pages make them of headings: the second one of a name ends with -1. */
function anchors(markdown: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const found = new Set<string>();
  for (const [, title] of markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const slug = slugOf(title!);
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    found.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return found;
}
const slugOf = (title: string): string => title.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

/** @returns what is wrong, null when it is there */
function missing(runbook: string): string | null {
  if (runbook.startsWith('https://')) return null;
  const [path = '', anchor] = runbook.split('#');
  if (!existsSync(join(ROOT, path))) return `there is no ${path}`;
  return anchor === undefined || anchors(readFileSync(join(ROOT, path), 'utf8')).has(anchor) ? null : `${path} has no heading #${anchor}`;
}

test.each(configs)('every runbook of %s is there', async (name) => {
  const { slas } = ((await import(join(ROOT, name))) as { default: Platform }).default;
  expect(slas.map(({ id, runbook }) => [id, missing(runbook)]).filter(([, wrong]) => wrong !== null)).toEqual([]);
});

test('the deployment in use has SLAs to look at', async () => {
  const { slas } = ((await import(join(ROOT, configs[0]!))) as { default: Platform }).default;
  expect(slas.length).toBeGreaterThan(0);
});

test('operations.md says of every indicator what to do', () => {
  const there = anchors(readFileSync(join(ROOT, 'docs/operations.md'), 'utf8'));
  expect((Object.keys(INDICATORS) as Indicator[]).filter((indicator) => !there.has(slugOf(INDICATORS[indicator].title)))).toEqual([]);
});

test('what is not there is found', () => {
  expect([missing('runbooks/finality.ts'), missing('docs/operations.md#no-such-heading'), missing('https://example.org/r'), missing('docs/operations.md#finality')]).toEqual([
    'there is no runbooks/finality.ts', 'docs/operations.md has no heading #no-such-heading', null, null,
  ]);
});
