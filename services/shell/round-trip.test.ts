import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createRoundTrip, type RoundTrip } from './round-trip.ts';

const CONNECT_MS = 300;
const ANSWER_MS = 7;

/** A site far away, by a clock of its own: opening a connection takes 300 ms, an answer 7 ms. */
async function site(answer: (response: ServerResponse, request: IncomingMessage) => void = (response) => void response.end('{}')) {
  let time = 1_000;
  const seen = { connections: 0, requests: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    time += ANSWER_MS;
    seen.requests += 1;
    answer(response, request);
  });
  server.on('connection', (socket) => {
    time += CONNECT_MS;
    seen.connections += 1;
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const line: RoundTrip = createRoundTrip({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`, now: () => time });
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  onTestFinished(async () => {
    await line.close();
    close();
  });
  return { seen, sockets, close, measure: (timeoutMs = 5_000, signal = new AbortController().signal) => line.measure(timeoutMs, signal) };
}

test('what it takes to connect is in no figure: a first request opens the connection, the next one is measured', async () => {
  const s = await site();
  expect(await s.measure()).toBe(ANSWER_MS);
  expect(s.seen).toEqual({ connections: 1, requests: 2 });
  expect([await s.measure(), await s.measure()]).toEqual([ANSWER_MS, ANSWER_MS]);
  expect(s.seen).toEqual({ connections: 1, requests: 4 });
});

test('nor after the connection was lost', async () => {
  const s = await site();
  await s.measure();
  await Promise.all([...s.sockets].map((socket) => new Promise((resolve) => {
    socket.on('close', resolve).destroy();
  })));
  expect(await s.measure()).toBe(ANSWER_MS);
  expect(s.seen.connections).toBe(2);
});

test('a site that closes every connection can\'t be measured, one that is not there or not well neither', async () => {
  const closing = await site((response) => void response.setHeader('connection', 'close').end('{}'));
  await expect(closing.measure()).rejects.toThrow('no connection stays open');
  expect(closing.seen.requests).toBe(3);
  const ill = await site((response) => void response.writeHead(503).end());
  await expect(ill.measure()).rejects.toThrow('answered 503');
  expect(ill.seen.requests).toBe(1);
  const gone = await site();
  gone.close();
  await expect(gone.measure()).rejects.toThrow('ECONNREFUSED');
});

test('an answer without end is cut off', async () => {
  const s = await site((response) => {
    const more = (error?: Error | null): void => void (error == null && response.write('x'.repeat(65_536), more));
    more();
  });
  await expect(s.measure()).rejects.toThrow();
});

test('what does not answer in time, or is given up, is over', async () => {
  const silent = await site(() => undefined);
  await expect(silent.measure(20)).rejects.toThrow(/timeout/i);
  const abort = new AbortController();
  const measured = silent.measure(60_000, abort.signal);
  abort.abort();
  await expect(measured).rejects.toThrow(/abort/i);
});
