import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { UnreachableError } from './http-client.ts';
import { createControlClient, createEdgeClient, retrying, type ClientOptions } from './client.ts';
import { Problem } from './errors.ts';
import type { Instruction } from './types.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
});

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly token: string | undefined;
  readonly trace: string | undefined;
  readonly body: string;
}

/** A server that answers from a list, the last answer again and again. */
async function serve(...answers: ((response: ServerResponse) => void)[]): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    }).on('end', () => {
      seen.push({ method: request.method!, url: request.url!, token: request.headers.authorization, trace: request.headers['traceparent'] as string | undefined, body });
      answers[Math.min(seen.length, answers.length) - 1]!(response);
    });
  });
  await new Promise<void>((resolve) => {
    server!.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
const json = (status: number, value: object, headers: Record<string, string> = {}) => (response: ServerResponse): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
};
const busy = (after?: string): ((response: ServerResponse) => void) =>
  json(503, { code: 'overloaded', detail: 'come back', status: 503 }, after === undefined ? {} : { 'retry-after': after });

/** A clock that only sleeping moves. */
function clock(): ClientOptions & { pauses: number[] } {
  let time = 0;
  const pauses: number[] = [];
  return {
    pauses, now: () => time, random: () => 0.5,
    sleep: async (ms) => {
      pauses.push(ms);
      time += ms;
    },
  };
}

const instruction: Instruction = {
  id: 's-1', asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: 123_456_789_012_345_678n,
};

describe('the client', () => {
  test('sends amounts as digits, with the same id each time it repeats', async () => {
    const { url, seen } = await serve(busy(), busy(), json(201, { id: 's-1', state: 'provisional' }));
    const client = createEdgeClient(url, clock());
    expect(await client.settle(instruction)).toMatchObject({ id: 's-1', state: 'provisional' });
    expect(seen).toHaveLength(3);
    expect(
      new Set(seen.map((s) => s.body)),
    ).toEqual(new Set(['{"id":"s-1","asset":"EUR","debitAccount":"a","creditAccount":"b","amount":"123456789012345678"}']));
    expect(seen.map((s) => s.trace)).toEqual([undefined, undefined, undefined]);
    await client.close();
  });

  test('sends the trace that a settlement is to be followed in, each time it repeats', async () => {
    const { url, seen } = await serve(busy(), json(201, { id: 's-1', state: 'provisional' }));
    const client = createEdgeClient(url, clock());
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await client.settle(instruction, trace);
    expect(seen.map((s) => s.trace)).toEqual([trace, trace]);
    await client.close();
  });

  test('waits as long as Retry-After says', async () => {
    const { url } = await serve(busy('7'), json(200, {}));
    const options = clock();
    const client = createEdgeClient(url, options);
    await client.status();
    expect(options.pauses).toEqual([7_000]);
    await client.close();
  });

  test('gives up when its time is up, with what it was told', async () => {
    const { url, seen } = await serve(busy('20'));
    const client = createEdgeClient(url, { ...clock(), patienceMs: 50_000 });
    await expect(client.settle(instruction)).rejects.toMatchObject({ code: 'overloaded', status: 503, retryAfter: 20 });
    expect(seen).toHaveLength(3);
    await client.close();
  });

  test('what was refused is not sent again', async () => {
    const { url, seen } = await serve(json(409, { code: 'id-conflict', detail: 'other content' }));
    const client = createEdgeClient(url, clock());
    await expect(client.settle(instruction)).rejects.toBeInstanceOf(Problem);
    expect(seen).toHaveLength(1);
    await client.close();
  });

  test('an answer for another number of settlements is not believed', async () => {
    const { url } = await serve(json(200, { settlements: [] }));
    const client = createEdgeClient(url, clock());
    await expect(client.settleMany([instruction])).rejects.toThrow(/answered 0 settlements of 1/);
    await client.close();
  });

  test('prefetches in pieces, and says which accounts nobody knows', async () => {
    const { url, seen } = await serve(json(200, { known: 1_000, unknown: [] }), json(200, { unknown: ['x'] }));
    const client = createEdgeClient(url, clock());
    expect(await client.prefetch(Array.from({ length: 1_500 }, (_, i) => `a-${i}`))).toEqual(['x']);
    expect(seen.map((s) => (JSON.parse(s.body) as { accounts: string[] }).accounts.length)).toEqual([1_000, 500]);
    await client.close();
  });

  test('the token goes with what changes the platform; ids are escaped', async () => {
    const { url, seen } = await serve(json(200, {}));
    const client = createControlClient(url, { ...clock(), token: 'secret' });
    await client.openAccount({ account: 'bank:AB', asset: 'EUR', overdraftLimit: null });
    await client.outcomes(null, 10);
    await client.outcomes(9);
    await client.accounts('bank:AB', 5);
    expect(seen.map((s) => `${s.method} ${s.url} ${s.token}`)).toEqual([
      'PUT /v1/accounts/bank%3AAB Bearer secret', 'GET /v1/outcomes?limit=10 Bearer secret', 'GET /v1/outcomes?after=9 Bearer secret',
      'GET /v1/accounts?after=bank%3AAB&limit=5 Bearer secret',
    ]);
    expect(seen[0]!.body).toBe('{"asset":"EUR","overdraftLimit":null}');
    await client.close();
  });

  test('a log without a checkpoint has none; another 404 is an error', async () => {
    const { url } = await serve(
      json(404, { code: 'no-checkpoint', detail: '' }), json(404, { code: 'not-found', detail: 'nothing here' }),
    );
    const client = createEdgeClient(url, clock());
    expect(await client.checkpoint()).toBeNull();
    await expect(client.checkpoint()).rejects.toThrow('nothing here');
    await client.close();
  });

  test('a node that is not there is tried again, and told of', async () => {
    const { url } = await serve(json(200, {}));
    server!.close();
    server!.closeAllConnections();
    const told: string[] = [];
    const client = createEdgeClient(url, { ...clock(), patienceMs: 3_000, onRetry: (why) => told.push(why) });
    await expect(client.status()).rejects.toBeInstanceOf(UnreachableError);
    expect(told.length).toBeGreaterThan(2);
    await client.close();
  });
});

test('an interrupted caller is not kept waiting', async () => {
  const abort = new AbortController();
  let tries = 0;
  await expect(retrying(async () => {
    tries += 1;
    abort.abort();
    throw new UnreachableError('nobody');
  }, { ...clock(), signal: abort.signal })).rejects.toThrow('nobody');
  expect(tries).toBe(1);
});
