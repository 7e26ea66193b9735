/** Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). */
export interface Backoff {
  /** Milliseconds to wait before the next try. */
  next(): number;
  reset(): void;
}

export function createBackoff(baseMs: number, mostMs: number, random: () => number = Math.random): Backoff {
  let attempt = 0;
  return {
    next() {
      const ceiling = Math.min(mostMs, baseMs * 2 ** Math.min(attempt, 30));
      attempt += 1;
      return Math.max(1, Math.floor(random() * ceiling));
    },
    reset() {
      attempt = 0;
    },
  };
}
