/**
 * One direction of a long wire: what goes in comes out `delayMs` later, in order, and no more than `WINDOW_BYTES` are on the way.
 * Knows nothing of sockets or timers: both come in as arguments.
 */
export interface Clock {
  /** Milliseconds from any fixed point. */
  now(): number;
  /** Runs `task` after `ms`; the answer cancels it. */
  after(ms: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** Where the wire ends. */
export interface Sink {
  /** False: nothing more until `drained` is called on the line. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** The sender broke off. */
  abort(): void;
}

export interface DelayLineOptions {
  readonly clock: Clock;
  readonly sink: Sink;
  /** Asked for every chunk, so that it may change under way; order is kept when it does. Milliseconds. */
  readonly delayMs: () => number;
  /** Nothing enters the wire before this point of the clock (a connection that is still being opened). */
  readonly notBefore: number;
  /** Called once the line takes more again, after `push` answered false. */
  readonly onRoom: () => void;
}

export interface DelayLine {
  /** False: full; hold the source until `onRoom`. What was pushed is on its way all the same. */
  push(chunk: Uint8Array): boolean;
  end(): void;
  abort(): void;
  drained(): void;
  /** The wire is cut: what is on it is gone, and so is what comes later. */
  cut(): void;
  readonly queuedBytes: number;
}

/** Bytes on the way in one direction of one connection. At 100 ms one way this still carries 40 MB/s. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

const GRAIN_MS = 1;
/** What an item costs beside its bytes, so that many small ones are bounded, too. */
const ITEM_BYTES = 128;

type Item = { readonly due: number; readonly chunk: Uint8Array | null; readonly last: 'end' | 'abort' | null };

export function createDelayLine({ clock, sink, delayMs, notBefore, onRoom }: DelayLineOptions): DelayLine {
  let queue: Item[] = [];
  let head = 0;
  let queuedBytes = 0;
  let lastDue = 0;
  let blocked = false;
  let full = false;
  let isCut = false;
  let cancelTimer: (() => void) | null = null;

  function enqueue(chunk: Uint8Array | null, last: Item['last']): void {
    if (isCut) return;
    // A shorter delay must not let a later chunk overtake an earlier one.
    lastDue = Math.max(lastDue, Math.max(clock.now(), notBefore) + delayMs());
    queue.push({ due: lastDue, chunk, last });
    queuedBytes += chunk === null ? 0 : chunk.byteLength + ITEM_BYTES;
    if (queue.length - head === 1) pump();
  }

  function pump(): void {
    cancelTimer?.();
    cancelTimer = null;
    while (!blocked && !isCut && head < queue.length) {
      const item = queue[head] as Item;
      const wait = item.due - clock.now();
      // Timers have a grain of a millisecond and fire up to one late: aim a little early, and take less than half of one for now.
      if (wait > GRAIN_MS / 2) {
        cancelTimer = clock.after(Math.max(GRAIN_MS, Math.floor(wait - GRAIN_MS / 2)), pump);
        break;
      }
      head += 1;
      if (item.chunk !== null) {
        queuedBytes -= item.chunk.byteLength + ITEM_BYTES;
        blocked = !sink.write(item.chunk);
      } else if (item.last === 'end') {
        sink.end();
      } else {
        sink.abort();
      }
    }
    if (head === queue.length) {
      queue = [];
      head = 0;
    } else if (head > 1024) {
      queue = queue.slice(head);
      head = 0;
    }
    if (full && !isCut && queuedBytes <= WINDOW_BYTES / 2) {
      full = false;
      onRoom();
    }
  }

  return {
    push(chunk) {
      enqueue(chunk, null);
      if (queuedBytes >= WINDOW_BYTES) full = true;
      return !full;
    },
    end: () => enqueue(null, 'end'),
    abort: () => enqueue(null, 'abort'),
    drained() {
      blocked = false;
      pump();
    },
    cut() {
      isCut = true;
      cancelTimer?.();
      cancelTimer = null;
      queue = [];
      head = 0;
      queuedBytes = 0;
    },
    get queuedBytes() {
      return queuedBytes;
    },
  };
}
