/** `tidemark slas`: the same SLAs in every form. */
import { expect, test } from 'vitest';
import platform from '../tidemark.config.ts';
import { run } from './program.ts';

async function slas(...args: string[]): Promise<string> {
  let out = '';
  const code = await run(['slas', ...args], {
    out: (text) => {
      out += text;
    },
    err: () => {}, env: {},
  });
  expect(code).toBe(0);
  return out;
}

test('as a table and as data they are those of the definition', async () => {
  const text = await slas();
  for (const sla of platform.slas) expect(text).toContain(sla.id);
  expect(JSON.parse(await slas('--json'))).toEqual(platform.slas);
});

test('as OpenSLO there is one SLO for each SLA and scope', async () => {
  const documents = (await slas('--format', 'openslo')).split(/^---\n/m).filter((text) => text.trim() !== '').map((text) => JSON.parse(text) as { kind: string });
  const sites = platform.regions.flatMap((r) => r.edges).length;
  const expected = platform.slas.reduce((n, { scope }) => n + (scope === 'site' ? sites : scope === 'region' ? platform.regions.length : 1), 0);
  expect(documents.filter((d) => d.kind === 'SLO')).toHaveLength(expected);
});

test.each(['cloudwatch', 'prometheus'])('as Grafana dashboards over %s', async (source) => {
  const dashboards = JSON.parse(await slas('--format', 'grafana', '--source', source)) as { panels: unknown[] }[];
  expect(dashboards.length).toBeGreaterThan(0);
  for (const { panels } of dashboards) expect(panels.length).toBeGreaterThan(0);
});
