import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { WINDOW_BYTES } from './delay-line.ts';
import { createManualClock } from './fixtures/manual-clock.ts';
import { FROZEN_MAX, openLink, type Link, type LinkOptions } from './wan.ts';

const HOST = '127.0.0.1';

async function startServer(onConnection: (socket: Socket) => void): Promise<{ server: Server; port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port, sockets };
}

async function startLink(port: number, options: Partial<LinkOptions> = {}): Promise<Link> {
  const link = await openLink({ listen: { host: HOST, port: 0 }, target: { host: HOST, port }, oneWayMs: 0, ...options });
  onTestFinished(() => link.close());
  return link;
}

async function dial(link: Link): Promise<Socket & { text: () => string; ended: () => boolean }> {
  const socket = connect({ host: HOST, port: link.port, allowHalfOpen: true });
  let text = '';
  let ended = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('end', () => {
    ended = true;
  });
  socket.on('error', () => {});
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return Object.assign(socket, { text: () => text, ended: () => ended });
}

/** Turns of the event loop until it holds; the test's own time limit ends it otherwise. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const turns = async (count = 50): Promise<void> => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

const echo = (socket: Socket): void => {
  socket.pipe(socket);
};

test('what is sent comes back, byte for byte, over several megabytes', async () => {
  const { port } = await startServer(echo);
  const link = await startLink(port);
  const socket = await dial(link);
  const sent = Buffer.alloc(3 * WINDOW_BYTES, 'the quick brown fox ').toString('latin1');
  socket.end(sent, 'latin1');
  await until(() => socket.ended());
  expect(socket.text() === sent).toBe(true);
  expect(link.stats()).toMatchObject({ opened: 1, bytesUp: sent.length, bytesDown: sent.length });
});

test('a request takes half a round trip each way, and a new connection one more before its first byte', async () => {
  const clock = createManualClock();
  const { port, sockets } = await startServer(echo);
  const link = await startLink(port, { oneWayMs: 40, clock });
  const socket = await dial(link);
  let reached = 0;
  socket.write('one');
  await until(() => link.stats().bytesUp === 3 && sockets.length === 1);
  sockets[0]?.on('data', () => {
    reached = clock.now();
  });
  clock.advance(119);
  await turns();
  expect(reached).toBe(0);
  clock.advance(1);
  await until(() => link.stats().bytesDown === 3);
  expect(reached).toBe(120);
  clock.advance(39);
  await turns();
  expect(socket.text()).toBe('');
  clock.advance(1);
  await until(() => socket.text() === 'one');

  socket.write('two');
  await until(() => link.stats().bytesUp === 6);
  clock.advance(39);
  await turns();
  expect(reached).toBe(120);
  clock.advance(1);
  await until(() => link.stats().bytesDown === 6);
  link.setOneWayMs(0);
  clock.advance(40);
  await until(() => socket.text() === 'onetwo');
  socket.write('three');
  await until(() => socket.text() === 'onetwothree');
});

test('half-close goes through: the answer still comes after the request has ended', async () => {
  const { port } = await startServer((socket) => {
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
    });
    socket.on('end', () => socket.end(`got ${got}`));
  });
  const link = await startLink(port, { oneWayMs: 2 });
  const socket = await dial(link);
  socket.end('all');
  await until(() => socket.ended());
  expect(socket.text()).toBe('got all');
  await until(() => link.stats().open === 0);
});

test('a reset goes through, in both directions, and so does a target that does not listen', async () => {
  const { port, sockets, server } = await startServer(() => {});
  const link = await startLink(port, { oneWayMs: 1 });
  const a = await dial(link);
  await until(() => sockets.length === 1);
  a.resetAndDestroy();
  await until(() => sockets[0]?.destroyed === true);

  const b = await dial(link);
  await until(() => sockets.length === 2);
  sockets[1]?.resetAndDestroy();
  await until(() => b.destroyed);

  server.close();
  const c = await dial(link);
  await until(() => c.destroyed);
  await until(() => link.stats().open === 0);
});

test('a receiver that does not read stops the sender; what is on the way is bounded and arrives in the end', async () => {
  const { port, sockets } = await startServer((socket) => socket.pause());
  const link = await startLink(port);
  const socket = await dial(link);
  const chunk = Buffer.alloc(256 * 1024, 'x');
  const total = 256;
  let sent = 0;
  const send = (): void => {
    while (sent < total) {
      sent += 1;
      if (!socket.write(chunk)) return;
    }
    socket.end();
  };
  socket.on('drain', send);
  send();
  await until(() => sockets.length === 1);
  // Nothing moves any more once every buffer on the way is full.
  for (let before = -1; before !== link.stats().bytesUp;) {
    before = link.stats().bytesUp;
    await turns(2_000);
  }
  // The link's window and the system's socket buffers, less than half of what there is to send.
  expect(link.stats().bytesUp).toBeLessThan((total * chunk.byteLength) / 2);
  let received = 0;
  sockets[0]?.on('data', (data: Buffer) => {
    received += data.byteLength;
  });
  sockets[0]?.resume();
  await until(() => received === total * chunk.byteLength);
});

test('a cut freezes connections without a word, hangs new ones, loses what was on the way; healing resets them all', async () => {
  const clock = createManualClock();
  const { port, sockets } = await startServer(echo);
  const link = await startLink(port, { oneWayMs: 10, clock });
  const socket = await dial(link);
  socket.write('before');
  await until(() => link.stats().bytesUp === 6);
  clock.advance(30);
  await until(() => link.stats().bytesDown === 6);
  clock.advance(10);
  await until(() => socket.text() === 'before');

  socket.write('on the way');
  await until(() => link.stats().bytesUp === 16);
  link.cut();
  clock.advance(1_000);
  socket.write('into the void');
  const late = await dial(link);
  late.write('hello?');
  await turns();
  expect(sockets).toHaveLength(1);
  expect([socket.text(), late.text()]).toEqual(['before', '']);
  expect([socket.destroyed, late.destroyed, sockets[0]?.destroyed]).toEqual([false, false, false]);
  expect([socket.ended(), late.ended()]).toEqual([false, false]);
  expect(link.stats()).toMatchObject({ open: 0, frozen: 2 });

  link.heal();
  await until(() => socket.destroyed && late.destroyed && sockets[0]?.destroyed === true);
  expect(link.stats()).toMatchObject({ open: 0, frozen: 0 });
  const again = await dial(link);
  again.write('back');
  await until(() => link.stats().bytesUp === 20);
  clock.advance(30);
  await until(() => link.stats().bytesDown === 10);
  clock.advance(10);
  await until(() => again.text() === 'back');
});

test('a server that stops or ends while the link is cut says nothing to the dialler', async () => {
  const { port, sockets } = await startServer(echo);
  const link = await startLink(port);
  const socket = await dial(link);
  await until(() => sockets.length === 1);
  link.cut();
  sockets[0]?.end('bye');
  await turns();
  expect([socket.ended(), socket.text()]).toEqual([false, '']);
  sockets[0]?.resetAndDestroy();
  await turns();
  expect([socket.ended(), socket.destroyed]).toEqual([false, false]);
});

test('diallers that keep trying during a long partition do not pile up without bound', async () => {
  const { port } = await startServer(echo);
  const link = await startLink(port);
  link.cut();
  const waiting = await dial(link);
  for (let i = 0; i < FROZEN_MAX + 50; i += 1) (await dial(link)).end();
  await until(() => link.stats().opened === FROZEN_MAX + 51);
  await until(() => link.stats().frozen <= FROZEN_MAX);
  // The one that still waits keeps its place before those that have left.
  expect(waiting.destroyed).toBe(false);
});

test('many connections at once, each gets its own answer', async () => {
  const { port } = await startServer(echo);
  const link = await startLink(port, { oneWayMs: 3 });
  const sockets = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    const socket = await dial(link);
    socket.end(`number ${i}`);
    return socket;
  }));
  await until(() => sockets.every((s) => s.ended()));
  expect(sockets.map((s) => s.text())).toEqual(sockets.map((_, i) => `number ${i}`));
  await until(() => link.stats().open === 0);
});
