import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDelayLine, WINDOW_BYTES, type DelayLine } from './delay-line.ts';
import { createManualClock } from './fixtures/manual-clock.ts';

function setUp({ delayMs = 10, notBefore = 0 }: { delayMs?: number | (() => number); notBefore?: number } = {}) {
  const clock = createManualClock();
  const arrived: { readonly what: string; readonly at: number }[] = [];
  const seen = { rooms: 0, takes: true };
  const line: DelayLine = createDelayLine({
    clock, notBefore, delayMs: typeof delayMs === 'number' ? () => delayMs : delayMs,
    onRoom: () => {
      seen.rooms += 1;
    },
    sink: {
      write(chunk) {
        arrived.push({ what: Buffer.from(chunk).toString('latin1'), at: clock.now() });
        return seen.takes;
      },
      end: () => arrived.push({ what: 'END', at: clock.now() }),
      abort: () => arrived.push({ what: 'ABORT', at: clock.now() }),
    },
  });
  return { clock, arrived, seen, line, push: (text: string) => line.push(Buffer.from(text, 'latin1')) };
}

describe('delay', () => {
  test('each chunk arrives its delay after it was sent', () => {
    const { clock, arrived, push } = setUp();
    push('a');
    clock.advance(4);
    push('b');
    clock.advance(5);
    expect(arrived).toEqual([]);
    clock.advance(20);
    expect(arrived).toEqual([{ what: 'a', at: 10 }, { what: 'b', at: 14 }]);
  });

  test('without delay a chunk arrives at once, without a timer', () => {
    const { clock, arrived, push } = setUp({ delayMs: 0 });
    push('a');
    expect(arrived).toEqual([{ what: 'a', at: 0 }]);
    expect(clock.pending).toBe(0);
  });

  test('nothing enters the wire before it is open', () => {
    const { clock, arrived, push } = setUp({ delayMs: 10, notBefore: 20 });
    push('a');
    clock.advance(25);
    push('b');
    clock.advance(100);
    expect(arrived).toEqual([{ what: 'a', at: 30 }, { what: 'b', at: 35 }]);
  });

  test('end and abort keep their place behind what was sent before', () => {
    for (const last of ['end', 'abort'] as const) {
      const { clock, arrived, push, line } = setUp();
      push('a');
      line[last]();
      expect(arrived).toEqual([]);
      clock.advance(10);
      expect(arrived.map((a) => a.what)).toEqual(['a', last.toUpperCase()]);
    }
  });

  test('a shorter delay lets nothing overtake', () => {
    let delay = 50;
    const { clock, arrived, push } = setUp({ delayMs: () => delay });
    push('a');
    delay = 0;
    clock.advance(1);
    push('b');
    expect(arrived).toEqual([]);
    clock.advance(60);
    expect(arrived).toEqual([{ what: 'a', at: 50 }, { what: 'b', at: 50 }]);
  });
});

describe('back-pressure', () => {
  test('a receiver that is full gets nothing until it has drained', () => {
    const { clock, arrived, seen, push, line } = setUp();
    seen.takes = false;
    push('a');
    push('b');
    clock.advance(100);
    expect(arrived.map((a) => a.what)).toEqual(['a']);
    seen.takes = true;
    line.drained();
    expect(arrived.map((a) => a.what)).toEqual(['a', 'b']);
  });

  test('a full window holds the sender until half of it is gone', () => {
    const { clock, seen, line } = setUp();
    const chunk = Buffer.alloc(WINDOW_BYTES / 4);
    expect([line.push(chunk), line.push(chunk), line.push(chunk), line.push(chunk)]).toEqual([true, true, true, false]);
    expect(seen.rooms).toBe(0);
    clock.advance(10);
    expect(seen.rooms).toBe(1);
    expect(line.queuedBytes).toBe(0);
  });

  test('many small chunks fill the window, too', () => {
    const { line } = setUp();
    let pushed = 0;
    while (line.push(Buffer.alloc(1))) pushed += 1;
    expect(pushed).toBeLessThan(40_000);
  });
});

test('a cut line loses what is on it and takes nothing more', () => {
  const { clock, arrived, push, line } = setUp();
  push('a');
  line.cut();
  push('b');
  line.end();
  clock.advance(1_000);
  expect(arrived).toEqual([]);
  expect(line.queuedBytes).toBe(0);
  expect(clock.pending).toBe(0);
});

test('whatever the pushes, delays and pauses: all arrives once, in order, never early, and the queue stays bounded', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), bytes: fc.integer({ min: 1, max: 1_500_000 }) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ kind: fc.constant('delay' as const), ms: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ kind: fc.constantFrom('slow' as const, 'fast' as const) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const clock = createManualClock();
    const sent: { readonly n: number; readonly earliest: number }[] = [];
    const arrived: number[] = [];
    let delay = 10;
    let takes = true;
    let open = true;
    const line = createDelayLine({
      clock, notBefore: 0, delayMs: () => delay,
      onRoom: () => {
        open = true;
      },
      sink: {
        write(chunk) {
          const n = Buffer.from(chunk.buffer, chunk.byteOffset, 4).readUInt32BE();
          expect(clock.now()).toBeGreaterThanOrEqual((sent[n] as { earliest: number }).earliest - 0.5);
          arrived.push(n);
          return takes;
        },
        end: () => arrived.push(-1),
        abort: () => {},
      },
    });
    for (const s of steps) {
      if (s.kind === 'push' && open) {
        const chunk = Buffer.alloc(Math.max(4, s.bytes));
        chunk.writeUInt32BE(sent.length);
        sent.push({ n: sent.length, earliest: clock.now() + delay });
        open = line.push(chunk);
      } else if (s.kind === 'wait') {
        clock.advance(s.ms);
      } else if (s.kind === 'delay') {
        delay = s.ms;
      } else if (s.kind === 'slow') {
        takes = false;
      } else {
        takes = true;
        line.drained();
      }
      expect(line.queuedBytes).toBeLessThan(WINDOW_BYTES + 1_500_200);
    }
    takes = true;
    line.drained();
    line.end();
    clock.advance(1_000);
    expect(arrived).toEqual([...sent.map((x) => x.n), -1]);
  }), { numRuns: 200 });
});
