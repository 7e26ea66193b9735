import { describe, expect, it } from 'vitest';
import { createBackoff } from '../protocol/backoff.ts';
import { startLoop } from './loop.ts';

describe('a loop', () => {
  it('sleeps until woken, runs again at once when woken during a step, and stops in the middle of a sleep', async () => {
    const steps: number[] = [];
    let resolveStep: (() => void) | undefined;
    const reached = (n: number): Promise<void> => new Promise((resolve) => {
      if (steps.length >= n) resolve();
      else resolveStep = () => (steps.length >= n ? resolve() : undefined);
    });
    const loop = startLoop(async () => {
      steps.push(steps.length);
      resolveStep?.();
      if (steps.length === 1) loop.wake();
      return Infinity;
    }, () => 0);
    await reached(2);
    loop.wake();
    await reached(3);
    await loop.stop();
    expect(steps).toHaveLength(3);
  });

  it('goes on after an error, when onError says', async () => {
    let tries = 0;
    await new Promise<void>((resolve) => {
      const loop = startLoop(async () => {
        tries += 1;
        if (tries < 3) throw new Error('not yet');
        resolve();
        return Infinity;
      }, (error) => {
        expect((error as Error).message).toBe('not yet');
        return 0;
      });
      void loop;
    });
    expect(tries).toBe(3);
  });

  it('does not let a wake-up cut the pause after an error short', async () => {
    let tries = 0;
    const paused: number[] = [];
    const loop = startLoop(async () => {
      tries += 1;
      loop.wake();
      throw new Error('down');
    }, () => {
      paused.push(tries);
      return Infinity;
    });
    await new Promise((resolve) => setImmediate(resolve));
    loop.wake();
    await new Promise((resolve) => setImmediate(resolve));
    await loop.stop();
    expect(paused).toEqual([1]);
  });

  it('backs off with full jitter, bounded', () => {
    const b = createBackoff(100, 1_000, () => 0.999);
    expect([b.next(), b.next(), b.next(), b.next(), b.next()]).toEqual([99, 199, 399, 799, 999]);
    b.reset();
    expect(b.next()).toBe(99);
  });
});
