import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Problem } from '../protocol/errors.ts';
import { createServer, type Server } from './server.ts';

type Line = Record<string, unknown>;

async function serve(level: string): Promise<{ server: Server; lines: Line[] }> {
  const lines: Line[] = [];
  const logger = pino({ level, base: null, timestamp: false }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  const server = await createServer({ name: 't', description: 't', logger, notReady: () => 'starting', metrics: () => [] });
  onTestFinished(() => server.close());
  server.get('/v1/accounts/:id', async (request) => {
    request.log.info('asked');
    throw new Problem(404, 'account-unknown', 'the centre knows no account alice');
  });
  server.get('/v1/busy', async () => {
    throw new Problem(503, 'busy', 'come back', {}, 1);
  });
  server.get('/v1/broken/:id', async () => {
    throw new TypeError('x is not a function');
  });
  return { server, lines };
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const ids = { trace_id: TRACE, span_id: '00f067aa0ba902b7' };

test('what went wrong here is a line above debug level, by route, with the caller\'s trace', async () => {
  const { server, lines } = await serve('info');
  await server.inject({ url: '/v1/broken/alice', headers: { traceparent: `00-${TRACE}-${ids.span_id}-01` } });
  expect(lines).toEqual([expect.objectContaining({
    level: 50, ...ids, trace_flags: '01', method: 'GET', route: '/v1/broken/:id', status: 500, code: 'internal', duration_ms: expect.any(Number),
    err: expect.objectContaining({ message: 'x is not a function' }), msg: 'request failed',
  })]);
  expect(JSON.stringify(lines)).not.toContain('alice');
  await server.inject('/v1/busy');
  expect(lines[1]).toMatchObject({ level: 40, route: '/v1/busy', status: 503, code: 'busy', msg: 'request put off' });
});

test('what a client got wrong, and who asks whether the service is ready, is told at debug level alone', async () => {
  const { server, lines } = await serve('info');
  for (const url of ['/v1/accounts/alice', '/nothing/alice', '/readyz']) await server.inject(url);
  expect(lines.map((l) => l['msg'])).toEqual(['asked']);
  const debug = await serve('debug');
  for (const url of ['/v1/accounts/alice', '/nothing', '/readyz']) await debug.server.inject({ url, headers: { traceparent: `00-${TRACE}-${ids.span_id}-00` } });
  const problems = debug.lines.filter((l) => l['msg'] === 'request answered with a problem');
  expect(problems).toMatchObject([
    { level: 20, ...ids, trace_flags: '00', route: '/v1/accounts/:id', status: 404, code: 'account-unknown' }, { level: 20, status: 404, code: 'not-found' },
    { level: 20, route: '/readyz', status: 503 },
  ]);
});

test('every line of a request has its trace, and none has one that is malformed', async () => {
  const { server, lines } = await serve('info');
  for (const traceparent of [`00-${TRACE}-${ids.span_id}-01`, 'ff-x', `00-${'0'.repeat(32)}-${ids.span_id}-01`]) await server.inject({ url: '/v1/accounts/a', headers: { traceparent } });
  await server.inject('/v1/accounts/a');
  expect(lines).toMatchObject([{ msg: 'asked', ...ids }, { msg: 'asked' }, { msg: 'asked' }, { msg: 'asked' }]);
  for (const line of lines.slice(1)) expect(line).not.toHaveProperty('trace_id');
});

test('a flood of problems is a few lines, and the next one says how many there were', async () => {
  const { server, lines } = await serve('info');
  const flood = Array.from({ length: 200 }, () => server.inject('/v1/busy'));
  expect((await Promise.all(flood)).every((a) => a.statusCode === 503)).toBe(true);
  // Ten in a second of the clock; the flood may take a few of these.
  const said = lines.length + lines.reduce((n, l) => n + Number(l['unsaid'] ?? 0), 0);
  expect(lines.length).toBeGreaterThanOrEqual(10);
  expect(lines.length).toBeLessThan(200);
  expect(said).toBeLessThanOrEqual(200);
});
