/** What the replay does not depend on. */
import pino from 'pino';
import { expect, test } from 'vitest';
import type { OrderedStream } from './ordered-stream.ts';
import { startReplica } from './replica.ts';
import type { RegionStore } from './store.ts';

test('a trace that cannot be taken up again holds no order up', async () => {
  const { promise: read, resolve } = Promise.withResolvers<void>();
  const stream = {
    lastSeq: async () => 0, onAppend: () => () => undefined,
    read: async () => {
      resolve();
      return [];
    },
  } as Partial<OrderedStream> as OrderedStream;
  const store = {
    get: () => null, cursor: () => 0, log: { size: 1 },
    batches() {
      throw new Error('cannot be read');
    },
  } as unknown as RegionStore;
  const lines: string[] = [];
  const replica = startReplica({
    region: 'eu', store, stream, nodes: new Map(), now: () => 0, logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
    tracing: { publishing: () => () => undefined, replayed: () => undefined, reached: () => undefined, metrics: () => [] },
  });
  await read;
  await replica.stop();
  expect(lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
});
