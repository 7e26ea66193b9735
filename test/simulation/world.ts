/**
 * Time, network and processes of the simulation: one queue of events, no sockets, no clock but its own. Everything that happens
 * is
 * decided by the seed, so a failing seed happens again.
 *
 * A process is what it has on its disk and a set of coroutines. A coroutine is a generator that yields where real code
 * awaits; between two yields nothing else happens, as in the services. A crash drops the coroutines and what was not synced.
 */
import { createDisk, type Disk } from './disk.ts';
import type { Rng } from './rng.ts';

/** Yields what to wait for: a function that is given the way to go on. */
export type Co<T = void> = Generator<(resume: (value: unknown) => void) => void, T, unknown>;

export interface Refusal {
  readonly problem: string;
  readonly [extra: string]: unknown;
}
/** Null: no answer came in time. */
export type Answer<T> = T | Refusal | null;
export const isRefusal = (answer: unknown): answer is Refusal => typeof answer === 'object' && answer !== null
  && 'problem' in answer;

export type Handler = (body: never, from: string) => Co<unknown>;

export interface Process<R = unknown> {
  readonly id: string;
  readonly disk: Disk<R>;
  readonly up: () => boolean;
  /** The process's own wall clock, milliseconds; it may be wrong, and jump at a restart. */
  readonly clock: () => number;
  readonly on: (kind: string, handler: Handler) => void;
  readonly spawn: (co: Co) => void;
}

/** Wakes whoever waits for it. */
export interface Signal {
  fire(): void;
  /** @returns whether it was fired in time */
  wait(timeoutMs: number): Co<boolean>;
}

export interface NetworkFaults {
  readonly lose: number;
  readonly duplicate: number;
  readonly delayMaxMs: number;
  /** Some messages take this much longer and are overtaken. */
  readonly stragglers: number;
}

export interface World {
  readonly now: () => number;
  readonly rng: Rng;
  /** Changes what the network does from now on. */
  readonly setFaults: (faults: NetworkFaults, crashAtStep: number) => void;
  /** Cuts the members off from everyone else until healed. */
  readonly cut: (name: string, members: ReadonlySet<string>) => void;
  readonly heal: (name?: string) => void;
  readonly reaches: (from: string, to: string) => boolean;
  readonly add: <R>(id: string, boot: (self: Process<R>) => void) => Process<R>;
  readonly crash: (id: string, backAfterMs: number) => void;
  readonly startAll: () => void;
  readonly after: (ms: number, run: () => void) => void;
  readonly sleep: (ms: number) => Co;
  /** A place where a process may die. */
  readonly step: (self: Process<never>) => Co;
  readonly signal: () => Signal;
  readonly mutex: () => <T>(body: () => Co<T>) => Co<T>;
  /** A request and its answer, each of which may be lost, come late or come twice. */
  readonly call: <T>(self: Process<never>, to: string, kind: string, body: unknown, timeoutMs: number) => Co<Answer<T>>;
  /** Runs events until `done` holds (looked at once in a while) or the time is up. @returns whether it held */
  readonly run: (untilMs: number, done?: () => boolean) => boolean;
  /** Digest of everything that happened, to tell two runs apart. */
  readonly trace: () => number;
  readonly counts: { events: number; crashes: number; lost: number; cutOff: number };
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

const SKEW_MAX_MS = 3_000;
/** 2026-01-01: a plausible wall clock. */
const EPOCH_MS = 1_767_225_600_000;

export function createWorld(rng: Rng): World {
  let time = 0;
  let order = 0;
  let digest = 2_166_136_261;
  const heap: Event[] = [];
  let faults: NetworkFaults = { lose: 0, duplicate: 0, delayMaxMs: 20, stragglers: 0 };
  let crashAtStep = 0;
  const cuts = new Map<string, ReadonlySet<string>>();
  const counts = { events: 0, crashes: 0, lost: 0, cutOff: 0 };

  interface Slot {
    readonly process: Process<never>;
    readonly boot: () => void;
    readonly handlers: Map<string, Handler>;
    life: number;
    up: boolean;
    skew: number;
  }
  const slots = new Map<string, Slot>();

  const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  function push(event: Event): void {
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(heap[i]!, heap[parent]!)) break;
      [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
      i = parent;
    }
  }
  function pop(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || heap.length === 0 || last === undefined) return first;
    heap[0] = last;
    for (let i = 0;;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      if (least === i) return first;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
  const after = (ms: number, run: () => void): void => push({ at: time + ms, order: (order += 1), run });

  /** Runs a coroutine of one life of a process; what waits when that life ends never goes on. */
  function drive(slot: Slot, co: Co<unknown>, done: (value: unknown) => void = () => undefined): void {
    const { life } = slot;
    const go = (value: unknown): void => {
      if (!slot.up || slot.life !== life) return;
      const next = co.next(value);
      if (next.done === true) return done(next.value);
      let resumed = false;
      next.value((result) => {
        if (resumed) return;
        resumed = true;
        go(result);
      });
    };
    go(undefined);
  }

  const reaches = (from: string, to: string): boolean => {
    // Clients stand beside their edge node, on the same side of every cut.
    if (from.startsWith('client') || to.startsWith('client')) return true;
    for (const members of cuts.values()) if (members.has(from) !== members.has(to)) return false;
    return true;
  };

  function deliver(from: string, to: string, what: string, run: () => void): void {
    const once = (): void => {
      if (rng.chance(faults.lose)) {
        counts.lost += 1;
        return;
      }
      const delay = rng.between(1, faults.delayMaxMs) + (rng.chance(faults.stragglers) ? rng.between(100, 4_000) : 0);
      after(delay, () => {
        if (!reaches(from, to)) {
          counts.cutOff += 1;
          return;
        }
        digest = Math.imul(digest ^ what.length ^ (time << 3) ^ from.charCodeAt(from.length - 1), 16_777_619) >>> 0;
        run();
      });
    };
    once();
    if (rng.chance(faults.duplicate)) once();
  }

  const signal = (): Signal => {
    let waiting: (() => void)[] = [];
    return {
      fire() {
        const due = waiting;
        waiting = [];
        for (const wake of due) wake();
      },
      *wait(timeoutMs) {
        return (yield (resume) => {
          waiting.push(() => after(0, () => resume(true)));
          if (timeoutMs !== Infinity) after(timeoutMs, () => resume(false));
        }) as boolean;
      },
    };
  };

  function boot(slot: Slot): void {
    slot.handlers.clear();
    slot.up = true;
    slot.skew = rng.between(-SKEW_MAX_MS, SKEW_MAX_MS);
    slot.boot();
  }

  const world: World = {
    now: () => time,
    rng, counts, reaches, after, signal,
    setFaults(next, crash) {
      faults = next;
      crashAtStep = crash;
    },
    cut: (name, members) => void cuts.set(name, members),
    heal(name) {
      if (name === undefined) cuts.clear();
      else cuts.delete(name);
    },
    add<R>(id: string, bootIt: (self: Process<R>) => void) {
      const disk = createDisk<R>();
      const handlers = new Map<string, Handler>();
      const process: Process<R> = {
        id, disk,
        up: () => slot.up,
        clock: () => EPOCH_MS + Math.floor(time) + slot.skew,
        on: (kind, handler) => void handlers.set(kind, handler),
        spawn: (co) => drive(slot, co),
      };
      const slot: Slot = { process: process as unknown as Process<never>, boot: () => bootIt(process), handlers, life: 0,
        up: false, skew: 0 };
      slots.set(id, slot);
      boot(slot);
      return process;
    },
    crash(id, backAfterMs) {
      const slot = slots.get(id)!;
      if (!slot.up) return;
      counts.crashes += 1;
      slot.up = false;
      slot.life += 1;
      slot.process.disk.crash(rng);
      after(backAfterMs, () => {
        if (!slot.up) boot(slot);
      });
    },
    startAll() {
      for (const slot of slots.values()) if (!slot.up) boot(slot);
    },
    *sleep(ms) {
      yield (resume) => after(ms, () => resume(undefined));
    },
    *step(self) {
      if (rng.chance(crashAtStep)) {
        after(0, () => world.crash(self.id, rng.between(20, 3_000)));
        // Never goes on: the crash comes first.
        yield () => undefined;
      }
      yield (resume) => after(rng.next() * 3, () => resume(undefined));
    },
    mutex() {
      let held = false;
      const free = signal();
      return function* exclusive(body) {
        while (held) yield* free.wait(Infinity);
        held = true;
        try {
          return yield* body();
        } finally {
          held = false;
          free.fire();
        }
      };
    },
    *call<T>(self: Process<never>, to: string, kind: string, body: unknown, timeoutMs: number): Co<Answer<T>> {
      return (yield (resume) => {
        after(timeoutMs, () => resume(null));
        deliver(self.id, to, kind, () => {
          const slot = slots.get(to);
          const handler = slot?.up === true ? slot.handlers.get(kind) : undefined;
          if (slot === undefined || handler === undefined) return;
          drive(slot, handler(body as never, self.id), (answer) => deliver(to, self.id, kind, () => resume(answer)));
        });
      }) as Answer<T>;
    },
    run(untilMs, done) {
      let looked = 0;
      for (;;) {
        if (done !== undefined && counts.events >= looked) {
          if (done()) return true;
          looked = counts.events + 50;
        }
        const event = pop();
        if (event === undefined) return done?.() ?? true;
        if (event.at > untilMs) {
          push(event);
          time = untilMs;
          return done?.() ?? true;
        }
        time = Math.max(time, event.at);
        counts.events += 1;
        event.run();
      }
    },
    trace: () => (digest ^ counts.events) >>> 0,
  };
  return world;
}
