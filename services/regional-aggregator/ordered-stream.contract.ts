/**
 * What every adapter of the `OrderedStream` port has to keep. An adapter's test file calls this with a way to open its stream.
 */
import { describe, expect, it } from 'vitest';
import { DEDUP_WINDOW_MS, MESSAGE_MAX, type OrderedStream } from './ordered-stream.ts';

export interface StreamBench {
  /** One more handle on the same stream, as another process would have it; closed by the caller. */
  open(): Promise<OrderedStream>;
  /** Moves the stream's clock, when the adapter lets a test do that. */
  readonly advance?: (ms: number) => void;
  dispose(): Promise<void>;
}

const text = (data: Uint8Array): string => Buffer.from(data).toString();
const message = (s: string): Uint8Array => Buffer.from(s);

export function orderedStreamContract(name: string, bench: () => Promise<StreamBench>): void {
  async function withStreams(n: number, work: (streams: OrderedStream[], b: StreamBench) => Promise<void>): Promise<void> {
    const b = await bench();
    const streams = await Promise.all(Array.from({ length: n }, () => b.open()));
    try {
      await work(streams, b);
    } finally {
      await Promise.all(streams.map((s) => s.close()));
      await b.dispose();
    }
  }

  describe(`ordered stream: ${name}`, () => {
    it('gives places from 1 on without a gap, and the same messages to everybody', () => withStreams(2, async ([s, t]) => {
      expect(await s!.lastSeq()).toBe(0);
      expect(await s!.read(0, 10, 1_000)).toEqual([]);
      const seqs = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? s! : t!).publish(message(`m${i}`), `id-${i}`)),
      );
      expect(seqs.map((p) => p.seq).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      const [a, b] = [await s!.read(0, 100, 1e6), await t!.read(0, 100, 1e6)];
      expect(a.map((m) => [m.seq, m.at, text(m.data)])).toEqual(b.map((m) => [m.seq, m.at, text(m.data)]));
      seqs.forEach(({ seq }, i) => expect(text(a[seq - 1]!.data)).toBe(`m${i}`));
      expect(a.every((m, i) => i === 0 || m.at >= a[i - 1]!.at)).toBe(true);
      expect([await s!.lastSeq(), await t!.lastSeq()]).toEqual([20, 20]);
    }));

    it('keeps what one handle publishes one after the other in that order', () => withStreams(1, async ([s]) => {
      const all = Promise.all(['a', 'b', 'c'].map((m) => s!.publish(message(m), m)));
      expect((await all).map((p) => p.seq)).toEqual([1, 2, 3]);
    }));

    it('answers a repeated id with the first place, through any handle', () => withStreams(2, async ([s, t], b) => {
      const first = await s!.publish(message('one'), 'x');
      expect(await t!.publish(message('one'), 'x')).toEqual(first);
      expect(await Promise.all([s!.publish(message('two'), 'y'), t!.publish(message('two'), 'y')])).toEqual(
        [{ seq: 2 }, { seq: 2 }],
      );
      expect(await s!.lastSeq()).toBe(2);
      if (b.advance === undefined) return;
      b.advance(DEDUP_WINDOW_MS + 1);
      expect((await s!.publish(message('one'), 'x')).seq).toBe(3);
    }));

    it('reads within bounds, and at least one message', () => withStreams(1, async ([s]) => {
      for (let i = 0; i < 6; i += 1) await s!.publish(new Uint8Array(100), `id-${i}`);
      expect((await s!.read(0, 2, 1e6)).map((m) => m.seq)).toEqual([1, 2]);
      expect((await s!.read(2, 100, 1)).map((m) => m.seq)).toEqual([3]);
      expect((await s!.read(0, 100, 250)).map((m) => m.seq)).toEqual([1, 2, 3]);
      expect(await s!.read(6, 100, 1e6)).toEqual([]);
    }));

    it('takes the largest message, and refuses a larger one and a bad id', () => withStreams(1, async ([s]) => {
      const large = new Uint8Array(MESSAGE_MAX).fill(7);
      expect((await s!.publish(large, 'large')).seq).toBe(1);
      expect(Buffer.from((await s!.read(0, 1, 1))[0]!.data).equals(large)).toBe(true);
      await expect(s!.publish(new Uint8Array(MESSAGE_MAX + 1), 'larger')).rejects.toThrow(RangeError);
      for (const id of ['', 'a b', 'x'.repeat(129), 'ä']) await expect(s!.publish(message('m'), id)).rejects.toThrow(RangeError);
      expect(await s!.lastSeq()).toBe(1);
    }));

    it('tells of appends by any handle', () => withStreams(2, async ([s, t]) => {
      const told = new Promise<void>((resolve) => {
        const unsubscribe = t!.onAppend(() => {
          unsubscribe();
          resolve();
        });
      });
      await s!.publish(message('m'), 'm');
      await told;
      expect(await t!.lastSeq()).toBe(1);
    }));

    it('forgets what was trimmed, and gives no place twice', () => withStreams(2, async ([s, t]) => {
      for (let i = 1; i <= 200; i += 1) await s!.publish(message(`m${i}`), `id-${i}`);
      await s!.trim(150);
      expect((await t!.read(0, 2, 1e6)).map((m) => m.seq)).toEqual([151, 152]);
      await t!.trim(10);
      await t!.trim(200);
      expect(await s!.read(0, 10, 1e6)).toEqual([]);
      expect(await s!.lastSeq()).toBe(200);
      expect((await s!.publish(message('next'), 'next')).seq).toBe(201);
    }));

    it('is all there after everybody has left', () => withStreams(1, async ([s], b) => {
      await s!.publish(message('m'), 'm');
      await s!.close();
      await expect(s!.publish(message('n'), 'n')).rejects.toThrow();
      const again = await b.open();
      expect((await again.read(0, 10, 1e6)).map((m) => text(m.data))).toEqual(['m']);
      await again.close();
    }));
  });
}
