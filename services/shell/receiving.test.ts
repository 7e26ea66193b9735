import { createHash } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAME_TYPE } from '../protocol/index.ts';
import { createReceiving } from './receiving.ts';
import { baseUrl, createServer, type Server } from './server.ts';

describe('what is coming in', () => {
  it('is bounded: whoever has been at it for the longest gives way, and what is complete does not', () => {
    const receiving = createReceiving(100);
    const cut: string[] = [];
    const body = (name: string): PassThrough & { release?: () => void } => {
      const stream = new PassThrough();
      return Object.assign(stream, receiving.watch(stream, () => cut.push(name)));
    };
    const [slow, done, late] = [body('slow'), body('done'), body('late')];
    slow.emit('data', Buffer.alloc(40));
    done.emit('data', Buffer.alloc(40));
    done.emit('end');
    expect(cut).toEqual([]);
    late.emit('data', Buffer.alloc(30));
    expect([cut, receiving.bytes()]).toEqual([['slow'], 70]);
    slow.emit('data', Buffer.alloc(500));
    late.emit('data', Buffer.alloc(50));
    expect([cut, receiving.bytes()]).toEqual([['slow', 'late'], 40]);
    done.release!();
    expect(receiving.bytes()).toBe(0);
  });

  it('does not cut off one of which nothing has come yet', () => {
    const receiving = createReceiving(10);
    const cut: string[] = [];
    const [silent, loud] = ['silent', 'loud'].map((name) => {
      const stream = new PassThrough();
      receiving.watch(stream, () => cut.push(name));
      return stream;
    });
    loud!.emit('data', Buffer.alloc(11));
    expect([cut, receiving.bytes()]).toEqual([['loud'], 0]);
    silent!.emit('data', Buffer.alloc(10));
    expect([cut, receiving.bytes()]).toEqual([['loud'], 10]);
  });

  it('leaves a body whole for a reader who comes later, and one who never comes can still be released', async () => {
    const receiving = createReceiving(1_000);
    const stream = new PassThrough();
    const { release } = receiving.watch(stream, () => undefined);
    stream.end('all of it');
    await new Promise(setImmediate);
    const chunks: Buffer[] = [];
    const ended = new Promise((resolve) => stream.on('end', resolve));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
    await ended;
    expect([Buffer.concat(chunks).toString(), receiving.bytes()]).toEqual(['all of it', 9]);
    release();
    release();
    expect(receiving.bytes()).toBe(0);
  });
});

describe('a server', () => {
  let server: Server;
  let url: string;
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

  beforeAll(async () => {
    const logger = pino({ level: 'silent' });
    server = await createServer({ name: 't', description: 't', logger, notReady: () => null, metrics: () => [] });
    server.post('/echo', async (request) => ({ sha: sha(request.body as Buffer) }));
    // A context with a parser of its own, as the edge node has, is bounded too.
    server.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => body);
      scope.post('/scoped', async (request) => ({ sha: sha(request.body as Buffer) }));
    });
    await server.listen({ host: '127.0.0.1', port: 0 });
    url = baseUrl(server);
  });
  afterAll(async () => {
    agent.destroy();
    await server.close();
  });

  const send = (path: string, pieces: readonly Buffer[], chunked: boolean): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const length = pieces.reduce((sum, p) => sum + p.byteLength, 0);
      const request = httpRequest(`${url}${path}`, {
        method: 'POST', agent, headers: { 'content-type': FRAME_TYPE, ...(chunked ? {} : { 'content-length': length }) },
      }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        }).on('end', () => resolve({ status: response.statusCode!, text }));
      });
      request.on('error', reject);
      for (const piece of pieces) request.write(piece);
      request.end();
    });
  const receivingBytes = async (): Promise<number> =>
    Number(/^tidemark_receiving_bytes (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())![1]);
  const becomes = async (bytes: number): Promise<void> => {
    while (await receivingBytes() !== bytes) await new Promise(setImmediate);
  };

  it('gets every byte of many bodies over connections that are kept, whole or in pieces', async () => {
    const sizes = [0, 1, 100, 16_384, 65_536, 70_001, 1_000_000];
    await Promise.all(Array.from({ length: 300 }, async (_, i) => {
      const body = Buffer.alloc(sizes[i % sizes.length]!, `${i} `);
      const cut = Math.floor(body.byteLength / 3);
      const pieces = i % 2 === 0 ? [body] : [body.subarray(0, cut), body.subarray(cut)];
      const answer = await send(i % 5 === 0 ? '/scoped' : '/echo', pieces.filter((p) => p.byteLength > 0), i % 3 === 0);
      expect(answer, `body ${i}`).toEqual({ status: 200, text: JSON.stringify({ sha: sha(body) }) });
    }));
    await becomes(0);
  });

  it('counts what is coming in, and forgets it when it is gone', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: ${FRAME_TYPE}\r\ncontent-length: 1000\r\n\r\n`);
    socket.write('x'.repeat(600));
    await becomes(600);
    socket.destroy();
    await becomes(0);
  });
});
