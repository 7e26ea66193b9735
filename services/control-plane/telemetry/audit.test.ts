/** The audit export: what is in it, that the same range gives the same bytes, and what it takes of the service. */
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { tarEntries } from '../../shell/index.ts';
import { AUDIT_SUMS_MAX, openAuditManifest, readAuditLine, readAuditLog } from '../../telemetry/index.ts';
import { auditStage, NOON, type Counted } from '../testing-audit.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const iso = (time: number): string => new Date(time).toISOString();
const query = (from: number, to: number, scope = 'global'): string => `scope=${scope}&from=${iso(from)}&to=${iso(to)}`;
const filesOf = (tar: Buffer): Map<string, string> =>
  new Map([...tarEntries((offset, length) => tar.subarray(offset, offset + length), AUDIT_SUMS_MAX)].map((e) => [e.path, e.body.toString('utf8')]));

async function stage(shape?: Parameters<typeof auditStage>[0]) {
  const s = await auditStage(shape);
  onTestFinished(() => s.close());
  return s;
}

test('a range of a region: its nodes\' deltas, its SLAs, its part of the log, and nothing else', async () => {
  const s = await stage();
  const at = NOON - HOUR;
  await s.tell([
    { node: 'r0-n0', seq: 1, to: at, events: 5 }, { node: 'r0-n0', seq: 2, to: at + 5_000, events: 10, good: 9 }, { node: 'r0-n0', seq: 4, to: at + 10_000, events: 7 },
    // Ends with the last moment of the range; begins after it.
    { node: 'r0-n1', seq: 1, to: at + MINUTE, events: 1 }, { node: 'r0-n1', seq: 2, to: at + MINUTE + 1, events: 100 }, { node: 'r1-n0', seq: 1, to: at + 5_000, events: 50 },
  ]);
  await s.write([at - 2, at - 1, at, at + 1, at + MINUTE - 1, at + MINUTE, NOON]);
  const { status, headers, body } = await s.export(query(at, at + MINUTE, 'region:r0'));
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'application/x-tar', 'content-disposition': 'attachment; filename="audit-region-r0-2026-11-21T1100Z-2026-11-21T1101Z.tar"', 'tidemark-deltas': '3',
  });
  expect(Math.abs(Number(headers['tidemark-bytes-about']) / body.length - 1)).toBeLessThan(0.5);
  const files = filesOf(body);
  expect([...files.keys()]).toEqual([
    'audit/README.txt', 'audit/trust.json', 'audit/checkpoint.txt', 'audit/log.json', 'audit/deltas/r0-n0/000001.ndjson', 'audit/deltas/r0-n1/000001.ndjson',
    'audit/sla.json', 'audit/SHA256SUMS', 'audit/manifest.note',
  ]);
  expect(files.get('audit/trust.json')).toBe(s.trustText);
  const lines = files.get('audit/deltas/r0-n0/000001.ndjson')!.trimEnd().split('\n').map(readAuditLine);
  expect(lines.map((l) => l.receivedAt)).toEqual([at + 5_000, at + 10_000]);
  expect(openAuditManifest(files.get('audit/manifest.note')!, s.platform.trust.global)).toMatchObject({
    scope: 'region:r0', from: at, to: at + MINUTE, nodes: { 'r0-n0': { deltas: 2, first: 2, last: 4, missing: 1 }, 'r0-n1': { deltas: 1, first: 1, last: 1, missing: 0 } },
  });
  expect(readAuditLog(files.get('audit/log.json')!)).toMatchObject({ first: 2, end: 5, size: 7, bundles: ['/tile/entries/000.p/7'] });
  const { slas } = JSON.parse(files.get('audit/sla.json')!) as { slas: { sla: string; scope: string; events: number; goodEvents: number; byNode: object[] }[] };
  // An SLA over all regions isn't told from a part of them.
  expect(slas.map((r) => [r.sla, r.scope, r.events, r.goodEvents])).toEqual([
    ['final-region', 'region:r0', 18, 17], ['final-site', 'site:r0-n0', 17, 16], ['final-site', 'site:r0-n1', 1, 1],
  ]);
  expect(slas[0]!.byNode).toEqual([{ node: 'r0-n0', events: 17, goodEvents: 16 }, { node: 'r0-n1', events: 1, goodEvents: 1 }]);
});

test('the same range gives the same bytes: whatever order the deltas came in, and however far the log has grown since', async () => {
  const told = fc.uniqueArray(fc.record({
    node: fc.constantFrom('r0-n0', 'r0-n1', 'r1-n0'), seq: fc.integer({ min: 1, max: 20 }), to: fc.integer({ min: NOON - 3 * MINUTE, max: NOON - 20 }),
    late: fc.constantFrom(0, 0, 1_000, 10 * MINUTE), events: fc.nat(3),
  }), { maxLength: 15, selector: (d) => `${d.node} ${d.seq}` });
  await fc.assert(fc.asyncProperty(told, fc.infiniteStream(fc.nat()), fc.nat(300), async (list, random, more) => {
    // Windows of a node follow each other as their numbers do.
    const counted = Object.values(Object.groupBy(list, (d) => d.node)).flatMap((ofNode = []) => {
      const times = ofNode.map((d) => d.to).sort((a, b) => a - b);
      return ofNode.toSorted((a, b) => a.seq - b.seq).map(({ late, ...d }, i): Counted => ({ ...d, to: times[i]! + i, receivedAt: times[i]! + i + late }));
    });
    const shuffled = counted.map((c) => [c, random.next().value as number] as const).sort((a, b) => a[1] - b[1]).map(([c]) => c);
    const one = await auditStage();
    const other = await auditStage();
    try {
      for (const s of [one, other]) await s.write([NOON - 4 * MINUTE, NOON - 2 * MINUTE, NOON - 1]);
      await one.tell(counted);
      await other.tell(shuffled);
      const asked = query(NOON - 2 * MINUTE, NOON - MINUTE);
      const first = await one.export(asked);
      expect(first.status).toBe(200);
      expect((await other.export(asked)).body.equals(first.body)).toBe(true);
      await one.write(Array.from({ length: more }, () => NOON));
      await one.tell([{ node: 'r1-n1', seq: 1, to: NOON - 1 }]);
      expect((await one.export(asked)).body.equals(first.body)).toBe(true);
    } finally {
      await one.close();
      await other.close();
    }
  }), { numRuns: 20 });
});

test('before anything has happened there is nothing to show, and that is told in the same form', async () => {
  const s = await stage();
  const { status, body } = await s.export(query(NOON - HOUR, NOON));
  expect(status).toBe(200);
  const files = filesOf(body);
  expect(files.has('audit/checkpoint.txt')).toBe(false);
  expect(readAuditLog(files.get('audit/log.json')!)).toMatchObject({ first: 0, end: 0, size: 0 });
  expect((await s.export(`from=${NOON - HOUR}&to=${NOON}`)).body.equals(body)).toBe(true);
});

test.each([
  ['from=2026-11-21T11:00Z&to=2026-11-21T11:00Z', /^to: expected a time after from/], ['from=2026-11-21T11:00Z&to=2026-11-21T12:01Z', /^to: .* is not over yet/],
  ['from=2026-08-01T00:00Z&to=2026-11-21T11:00Z', /^from: raw deltas are kept for 90 days/], ['from=2026-11-21T11:00:30Z&to=2026-11-21T12:00Z', /^from: expected a whole minute/],
  ['from=2026-11-21T11:00&to=2026-11-21T12:00Z', /^from: expected a whole minute/], ['from=2026-13-21T11:00Z&to=2026-11-21T12:00Z', /^from: expected a whole minute/],
  ['from=2026-02-30T11:00Z&to=2026-11-21T12:00Z', /^from: expected a whole minute/], ['from=9000000000000000&to=2026-11-21T12:00Z', /^from: expected a whole minute/],
  ['from=1e3&to=2026-11-21T12:00Z', /^from: expected/], ['from=2026-11-21T11:00Z', /to/], ['from=2026-11-21T11:00Z&to=2026-11-21T12:00Z&scope=region:none', /^scope: expected one of the regions/],
])('%s is refused', async (asked, message) => {
  const { status, body } = await (await stage()).export(asked);
  expect(status).toBe(400);
  expect((JSON.parse(body.toString()) as { detail: string }).detail).toMatch(message);
});

test('what the regions have not cosigned yet is not exported', async () => {
  const s = await stage();
  await s.write([NOON - 2 * HOUR]);
  await s.write([NOON - HOUR], false);
  expect((await s.export(query(NOON - 3 * HOUR, NOON))).status).toBe(503);
  expect((await s.export(query(NOON - 3 * HOUR, NOON - HOUR))).status).toBe(200);
});

test('a long range is read in pages and sent in parts: what who asks does not take is not read', async () => {
  const deltas = 400;
  const pages: number[] = [];
  const s = await stage({
    wrap: (store) => ({ ...store, within: (node, range, after, limit) => {
      const page = store.within(node, range, after, limit);
      pages.push(page.length);
      return page;
    } }),
  });
  // 40 KB each: 16 MB, which does not fit the buffers between.
  await s.tell(Array.from({ length: deltas }, (_, i) => ({ node: 'r0-n0', seq: i + 1, to: NOON - HOUR + (i + 1) * 1_000, padding: 100_000 })));
  await s.server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = s.server.server.address() as AddressInfo;
  const ask = () => new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: `/v1/audit/export?${query(NOON - HOUR, NOON, 'site:r0-n0')}`, agent: false }, resolve).on('error', reject).end();
  });
  const stalled = await ask();
  const second = await ask();
  const third = await ask();
  expect(third.statusCode).toBe(503);
  third.resume();
  expect(pages.reduce((sum, n) => sum + n, 0)).toBeLessThan(2 * deltas);
  // Who leaves makes room.
  const gone = new Promise((resolve) => stalled.once('close', resolve));
  stalled.destroy();
  await gone;
  const chunks: Buffer[] = [];
  for await (const chunk of second) chunks.push(chunk as Buffer);
  const files = filesOf(Buffer.concat(chunks));
  const parts = [...files].filter(([path]) => path.startsWith('audit/deltas/'));
  expect(parts.length).toBeGreaterThan(3);
  expect(parts.flatMap(([, text]) => text.trimEnd().split('\n')).length).toBe(deltas);
  await expect.poll(async () => {
    const answer = await ask();
    answer.destroy();
    return answer.statusCode;
  }, { timeout: 10_000 }).toBe(200);
});
