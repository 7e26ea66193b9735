/** A background loop of a service: one step after the other until stopped, asleep while there is nothing to do. */
export interface Loop {
  /**
   * Ends the sleep under way, if any; a wake-up during a step makes the next sleep end at once. The pause after an error is
   * not cut short: new work must not break the back-off.
   */
  wake(): void;
  stop(): Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * @param step does one piece of work and says how long to sleep after it: milliseconds, 0 for not at all, Infinity until woken.
 *   An error that it throws is passed to `onError`, which says how long to sleep before the next try.
 */
export function startLoop(step: (signal: AbortSignal) => Promise<number>, onError: (error: unknown) => number): Loop {
  const abort = new AbortController();
  let wakeUp: (() => void) | null = null;
  let pending = false;
  const sleep = (ms: number, wakeable: boolean): Promise<void> => new Promise((resolve) => {
    if ((pending && wakeable) || ms <= 0 || abort.signal.aborted) {
      pending = false;
      setImmediate(resolve);
      return;
    }
    const timer = ms === Infinity ? undefined : setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      wakeUp = null;
      pending = false;
      resolve();
    }
    wakeUp = () => {
      if (wakeable || abort.signal.aborted) done();
    };
  });
  const finished = (async () => {
    while (!abort.signal.aborted) {
      let pause: number;
      let wakeable = true;
      try {
        pause = await step(abort.signal);
      } catch (error) {
        if (abort.signal.aborted) return;
        pause = onError(error);
        wakeable = false;
      }
      await sleep(pause, wakeable);
    }
  })();
  return {
    signal: abort.signal,
    wake() {
      pending = true;
      wakeUp?.();
    },
    async stop() {
      abort.abort();
      wakeUp?.();
      await finished;
    },
  };
}
