import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer, Call } from '../../protocol/http-client.ts';
import { createHttpClient, UnreachableError } from '../../protocol/http-client.ts';
import { createOtlpExporter, OTLP_LIMITS, type OtlpExporter, type OtlpExporterOptions } from './export.ts';

const NOON = Date.parse('2026-11-21T12:00:00Z');
const answer = (status: number, body: unknown = {}, headers: Answer['headers'] = {}): Answer =>
  ({ status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) });

interface Said {
  readonly level: string;
  readonly message: string;
  readonly bindings: Record<string, unknown>;
}

function logger(): { said: Said[]; logger: OtlpExporterOptions['logger'] } {
  const said: Said[] = [];
  const at = (level: string) => (bindings: Record<string, unknown>, message: string): void => void said.push({ level, bindings, message });
  return { said, logger: { warn: at('warn'), info: at('info') } as unknown as OtlpExporterOptions['logger'] };
}

const values = (exporter: OtlpExporter): Record<string, number> => Object.fromEntries(exporter.metrics().flatMap((m) => m.samples
  .filter((s) => s.value !== 0)
  .map((s) => [[m.name.replace('tidemark_otlp_', ''), ...Object.values(s.labels ?? {})].join(' '), s.value])));

interface Sent extends Call {
  readonly url: string;
  readonly at: number;
}

/** Against a receiver that says what it is told to; time stands still but for `vi.advanceTimersByTimeAsync`. */
function rig(respond: (call: Sent, nth: number) => Answer | Promise<Answer>): { exporter: OtlpExporter; sent: Sent[]; said: Said[] } {
  const sent: Sent[] = [];
  const { said, logger: log } = logger();
  const exporter = createOtlpExporter({
    endpoint: 'http://collector.example:4318', headers: { authorization: 'Bearer s' }, logger: log, now: Date.now, random: () => 0.5,
    http: {
      call: async (url, call = {}) => {
        const one = { ...call, url, at: Date.now() };
        sent.push(one);
        return await respond(one, sent.length);
      },
    },
  });
  return { exporter, sent, said };
}
/** Lets what is ready run, then time pass, then what that made ready run. */
async function pass(ms: number): Promise<void> {
  for (let i = 0; i < 8; i += 1) await new Promise(setImmediate);
  await vi.advanceTimersByTimeAsync(ms);
  for (let i = 0; i < 8; i += 1) await new Promise(setImmediate);
}
const away = (): never => {
  throw new UnreachableError('POST http://collector.example:4318/v1/traces: ECONNREFUSED');
};

describe('an exporter', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: NOON });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('posts JSON to the path of the signal with the headers, in order, one at a time', async () => {
    let underWay = 0;
    const { exporter, sent } = rig(async () => {
      underWay += 1;
      expect(underWay).toBe(1);
      await Promise.resolve();
      underWay -= 1;
      return answer(200, { partialSuccess: {} });
    });
    await Promise.all(['{"a":1}', '{"a":2}', '{"a":3}'].map((body) => exporter.post('traces', body)));
    expect(sent.map((s) => s.body)).toEqual(['{"a":1}', '{"a":2}', '{"a":3}']);
    expect(sent[0]).toMatchObject({ url: 'http://collector.example:4318/v1/traces', method: 'POST', type: 'application/json', headers: { authorization: 'Bearer s' } });
    expect(values(exporter)).toEqual({ 'sent_total traces': 3 });
    await exporter.post('metrics', '{}');
    expect(sent.at(-1)!.url).toBe('http://collector.example:4318/v1/metrics');
    await exporter.stop();
  });

  it.each([429, 502, 503, 504])('tries again after %i, and says so once, and once that it is over', async (status) => {
    const { exporter, sent, said } = rig((_call, nth) => answer(nth <= 3 ? status : 200, { message: 'busy' }));
    const posted = exporter.post('traces', '{}');
    await pass(60_000);
    expect(await posted).toBe(true);
    // Full jitter, halfway: 0.5, 1 and 2 seconds.
    expect(sent.map((s) => s.at - NOON)).toEqual([0, 500, 1_500, 3_500]);
    expect(values(exporter)).toEqual({ 'sent_total traces': 1, 'failed_total traces': 3 });
    expect(said.map((s) => [s.level, s.bindings['why']])).toEqual([['warn', `${status}: busy`], ['info', undefined]]);
    await exporter.stop();
  });

  it.each<[string, string, number]>([
    ['seconds', '7', 7_000], ['a date', new Date(NOON + 9_000).toUTCString(), 9_000], ['nonsense', 'soon', 500], ['a date that is over', new Date(0).toUTCString(), 500],
    ['more than it is given', '999999', OTLP_LIMITS.ageMs],
  ])('waits as long as the receiver asks for: %s', async (_what, retryAfter, expected) => {
    const { exporter, sent } = rig((_call, nth) => (nth === 1 ? answer(503, '', { 'retry-after': retryAfter }) : answer(200)));
    void exporter.post('traces', '{}');
    await pass(100);
    // What comes in meanwhile does not break the pause.
    const second = exporter.post('traces', '{"n":2}');
    await pass(expected - 101);
    expect(sent).toHaveLength(1);
    await pass(1);
    await second;
    expect(sent.at(-1)).toMatchObject({ body: '{"n":2}', at: NOON + expected });
    await exporter.stop();
  });

  it.each([301, 400, 401, 403, 404, 413, 415, 500, 501])('does not try again after %i: drops, counts, says so', async (status) => {
    const { exporter, sent, said } = rig(() => answer(status, { code: 3, message: `no\u0000${'x'.repeat(1_000)}` }));
    await exporter.post('metrics', '{}');
    expect(sent).toHaveLength(1);
    expect(values(exporter)).toEqual({ 'dropped_total metrics refused': 1 });
    expect(said).toHaveLength(1);
    expect(String(said[0]!.bindings['why']).length).toBeLessThan(260);
    expect(JSON.stringify(said)).not.toContain('Bearer');
    await exporter.stop();
  });

  it.each<[string, string, number, boolean]>([
    ['nothing of it', JSON.stringify({ partialSuccess: { rejectedDataPoints: '3', errorMessage: 'out of order' } }), 3, true],
    ['a number', JSON.stringify({ partialSuccess: { rejectedDataPoints: 2 } }), 2, true],
    ['another signal\'s', JSON.stringify({ partialSuccess: { rejectedSpans: '3' } }), 0, false],
    ['a negative one', JSON.stringify({ partialSuccess: { rejectedDataPoints: '-3' } }), 0, false],
    ['one that is too large', JSON.stringify({ partialSuccess: { rejectedDataPoints: '9'.repeat(400) } }), 0, false],
    ['a list', '[1]', 0, false], ['null', '{"partialSuccess":null}', 0, false], ['garbage', '\u0000\uffff{', 0, false], ['nothing', '', 0, false],
  ])('takes a partial success as the receiver\'s last word: %s', async (_what, body, rejected, isTold) => {
    const { exporter, said } = rig(() => answer(200, body));
    await exporter.post('metrics', '{}');
    expect(values(exporter)).toEqual({ 'sent_total metrics': 1, ...(rejected === 0 ? {} : { 'rejected_total metrics': rejected }) });
    expect(said).toHaveLength(isTold ? 1 : 0);
    await exporter.stop();
  });

  it('keeps what waits within bounds while the receiver is away: the oldest gives way, and then what is too old', async () => {
    const { exporter, said } = rig(away);
    const fates: boolean[] = [];
    const posted = Array.from({ length: OTLP_LIMITS.waiting + 10 }, (_, i) => exporter.post('traces', `{"n":${i}}`).then((isTaken) => void fates.push(isTaken)));
    await pass(0);
    expect(values(exporter)).toMatchObject({ 'waiting traces': OTLP_LIMITS.waiting, 'dropped_total traces no-room': 10 });
    await pass(OTLP_LIMITS.ageMs + OTLP_LIMITS.backoffMs[1]);
    await Promise.all(posted);
    expect(values(exporter)).toMatchObject({ 'dropped_total traces no-room': 10, 'dropped_total traces expired': OTLP_LIMITS.waiting });
    expect(values(exporter)['waiting traces']).toBeUndefined();
    expect(fates).toEqual(posted.map(() => false));
    // A line a minute of each kind, whatever is lost.
    expect(said.length).toBeLessThan(12);
    await exporter.stop();
  });

  it('keeps the bytes of what waits within bounds, and takes nothing that is larger alone', async () => {
    const { exporter } = rig(away);
    const half = 'x'.repeat(OTLP_LIMITS.waitingBytes / 2);
    for (let i = 0; i < 4; i += 1) void exporter.post('traces', half);
    expect(values(exporter)).toMatchObject({ 'waiting traces': 2, 'dropped_total traces no-room': 2 });
    await exporter.post('traces', `${half}${half}x`);
    expect(values(exporter)).toMatchObject({ 'waiting traces': 2, 'dropped_total traces no-room': 3 });
    const stopped = exporter.stop();
    await pass(OTLP_LIMITS.flushMs);
    await stopped;
  });

  it('does not drop the request under way: it is counted once, as what became of it', async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const { exporter, sent } = rig((_call, nth) => (nth === 1 ? promise : answer(200)));
    const first = exporter.post('traces', '{"n":0}');
    await pass(0);
    const others = Array.from({ length: OTLP_LIMITS.waiting }, (_, i) => exporter.post('traces', `{"n":${i + 1}}`));
    resolve(answer(200));
    await Promise.all([first, ...others]);
    expect(values(exporter)).toEqual({ 'sent_total traces': OTLP_LIMITS.waiting, 'dropped_total traces no-room': 1 });
    expect(sent.map((s) => s.body)).not.toContain('{"n":1}');
    await exporter.stop();
  });

  it('does not let one signal wait for the other', async () => {
    const { exporter } = rig((call) => (call.url.endsWith('/traces') ? away() : answer(200)));
    void exporter.post('traces', '{}');
    await exporter.post('metrics', '{}');
    expect(values(exporter)).toMatchObject({ 'sent_total metrics': 1, 'waiting traces': 1 });
    await exporter.stop();
  });

  it('sends what waits when it stops, in the middle of a pause too, and takes nothing after', async () => {
    let isBack = false;
    const { exporter, sent } = rig(() => (isBack ? answer(200) : away()));
    const posted = [exporter.post('traces', '1'), exporter.post('traces', '2'), exporter.post('metrics', '3')];
    await pass(0);
    isBack = true;
    await exporter.stop();
    await Promise.all(posted);
    expect(sent.slice(2).map((s) => s.body).sort()).toEqual(['1', '2', '3']);
    await exporter.post('traces', '4');
    await exporter.stop();
    expect(values(exporter)).toMatchObject({ 'sent_total traces': 2, 'sent_total metrics': 1, 'dropped_total traces stopped': 1 });
  });

  it('stops in bounded time when the receiver says nothing, and counts what was lost', async () => {
    const { exporter } = rig((call) => new Promise((_resolve, reject) => {
      call.signal!.addEventListener('abort', () => reject(new UnreachableError('aborted')));
    }));
    const posted = [exporter.post('traces', '1'), exporter.post('traces', '2')];
    await pass(0);
    const stopped = exporter.stop();
    await pass(OTLP_LIMITS.flushMs);
    await stopped;
    await Promise.all(posted);
    expect(values(exporter)).toMatchObject({ 'dropped_total traces stopped': 2 });
  });

  it('goes on when the clock is set back', async () => {
    const { exporter, sent } = rig((_call, nth) => (nth === 1 ? away() : answer(200)));
    const posted = exporter.post('traces', '{}');
    await pass(0);
    vi.setSystemTime(0);
    await pass(500);
    await posted;
    expect(sent).toHaveLength(2);
    await exporter.stop();
  });
});

describe('over a socket', () => {
  const open: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function against(respond: (request: IncomingMessage, response: ServerResponse, nth: number) => void): Promise<{ exporter: OtlpExporter; requests: IncomingMessage[] }> {
    const requests: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      requests.push(request);
      const nth = requests.length;
      request.resume().on('end', () => respond(request, response, nth));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const http = createHttpClient();
    const exporter = createOtlpExporter({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, headers: { 'x-tenant': 'a' }, http, logger: logger().logger, now: Date.now, random: () => 0,
    });
    open.push({ close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))) }, http, { close: exporter.stop });
    return { exporter, requests };
  }

  it('a huge answer is not read', async () => {
    let written = 0;
    const { exporter } = await against((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 32))) written += 65_536;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await exporter.post('traces', '{}');
    expect(values(exporter)).toEqual({ 'sent_total traces': 1 });
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  it('a redirect is not followed, and our headers do not travel', async () => {
    const { exporter, requests } = await against((_request, response) => response.writeHead(307, { location: '/elsewhere' }).end());
    await exporter.post('traces', '{}');
    expect(requests.map((r) => [r.url, r.headers['x-tenant'], r.headers['content-type']])).toEqual([['/v1/traces', 'a', 'application/json']]);
    expect(values(exporter)).toEqual({ 'dropped_total traces refused': 1 });
  });

  it('an answer that is cut off, and one that is no HTTP, are tried again', async () => {
    const { exporter, requests } = await against((request, response, nth) => {
      if (nth === 1) {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{', () => request.socket.destroy());
      } else if (nth === 2) request.socket.end('SSH-2.0-x\r\n');
      else response.end('{}');
    });
    await exporter.post('metrics', '{}');
    expect(requests).toHaveLength(3);
    expect(values(exporter)).toEqual({ 'sent_total metrics': 1, 'failed_total metrics': 2 });
  });
});
