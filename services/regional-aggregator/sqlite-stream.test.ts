import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { orderedStreamContract } from './ordered-stream.contract.ts';
import { openSqliteStream } from './sqlite-stream.ts';

orderedStreamContract('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stream-'));
  let ahead = 0;
  return {
    open: async () => openSqliteStream({ path: join(dir, 'stream.sqlite'), shared: true, now: () => Date.now() + ahead }),
    advance: (ms) => {
      ahead += ms;
    },
    dispose: async () => rmSync(dir, { recursive: true, force: true }),
  };
});

it('keeps every acknowledged message of processes that are killed while they publish', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stream-'));
  const path = join(dir, 'stream.sqlite');
  const script = join(dir, 'publisher.mjs');
  writeFileSync(script, `
    import { openSqliteStream } from ${JSON.stringify(new URL('./sqlite-stream.ts', import.meta.url).href)};
    const stream = openSqliteStream({ path: ${JSON.stringify(path)}, shared: true });
    for (let i = 0; ; i += 1) {
      const id = process.argv[2] + '-' + i;
      const { seq } = await stream.publish(Buffer.from(id), id);
      process.send({ seq, id });
    }`);
  const stream = openSqliteStream({ path, shared: true });
  const acknowledged = new Map<number, string>();
  try {
    const children = ['a', 'b'].map((name) => fork(script, [name], { stdio: 'inherit' }));
    await Promise.all(children.map(async (child) => {
      let count = 0;
      child.on('message', ({ seq, id }: { seq: number; id: string }) => {
        acknowledged.set(seq, id);
        count += 1;
        if (count === 30) child.kill('SIGKILL');
      });
      await once(child, 'exit');
    }));
    const all = await stream.read(0, 100_000, 1e9);
    expect(all.map((m) => m.seq)).toEqual(all.map((_, i) => i + 1));
    expect(acknowledged.size).toBeGreaterThanOrEqual(60);
    for (const [seq, id] of acknowledged) expect(Buffer.from(all[seq - 1]!.data).toString()).toBe(id);
  } finally {
    await stream.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
