/**
 * The emulated wide-area network: for every site that dials another one a TCP proxy of its own, which delays what passes
 * and can be cut.
 *
 * - Delay: half a round trip in each direction, in order; a new connection costs a round trip before its first byte, as TCP's
 *   handshake does. Bandwidth and loss are not emulated.
 * - Back-pressure goes through: a slow reader slows the writer down, and what is on the way is bounded (`WINDOW_BYTES`).
 * - Half-close and reset go through, behind what was sent before them.
 * - A cut is a partition: connections freeze without a word to either side, what is on the way is lost, new connections
 *   are taken and never answered. Healing resets whatever was frozen, so that both sides notice at once and dial again.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createDelayLine, systemClock, type Clock, type DelayLine } from './delay-line.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface LinkOptions {
  /** Where the dialling site finds the other one; port 0 lets the system choose. */
  readonly listen: Address;
  readonly target: Address;
  /** Half the round trip. Milliseconds. */
  readonly oneWayMs: number;
  readonly clock?: Clock;
}

export interface LinkStats {
  readonly open: number;
  readonly frozen: number;
  readonly opened: number;
  /** From the dialling site, and towards it. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface Link {
  readonly port: number;
  setOneWayMs(ms: number): void;
  cut(): void;
  heal(): void;
  stats(): LinkStats;
  close(): Promise<void>;
}

/** Frozen connections that a link keeps; beyond that the oldest goes, first one whose dialler has left. */
export const FROZEN_MAX = 256;

interface Connection {
  freeze(): void;
  destroy(): void;
  readonly frozen: boolean;
  /** The dialling site has closed its end. */
  readonly left: boolean;
}

/** @throws Error (code EADDRINUSE ...) when the port cannot be had */
export async function openLink(options: LinkOptions): Promise<Link> {
  const clock = options.clock ?? systemClock;
  let oneWayMs = options.oneWayMs;
  let isCut = false;
  const connections = new Set<Connection>();
  const counts = { opened: 0, bytesUp: 0, bytesDown: 0 };

  function evictFrozen(): void {
    const frozen = [...connections].filter((c) => c.frozen);
    if (frozen.length <= FROZEN_MAX) return;
    (frozen.find((c) => c.left) ?? frozen[0])?.destroy();
  }

  function accept(dialler: Socket): void {
    counts.opened += 1;
    const openAt = clock.now() + 2 * oneWayMs;
    let target: Socket | null = null;
    let up: DelayLine | null = null;
    let down: DelayLine | null = null;
    let frozen = false;
    let left = false;

    const connection: Connection = {
      freeze() {
        if (frozen) return;
        frozen = true;
        up?.cut();
        down?.cut();
        // Read on and throw away: only a socket that is read from tells that its peer has gone.
        dialler.resume();
        target?.resume();
        evictFrozen();
      },
      destroy() {
        up?.cut();
        down?.cut();
        for (const socket of [dialler, target]) if (socket !== null && !socket.destroyed) socket.resetAndDestroy();
      },
      get frozen() {
        return frozen;
      },
      get left() {
        return left;
      },
    };

    function wire(from: Socket, to: Socket, count: 'bytesUp' | 'bytesDown', notBefore: number): DelayLine {
      const line = createDelayLine({
        clock, notBefore, delayMs: () => oneWayMs, onRoom: () => from.resume(),
        sink: {
          // What goes to a socket that has closed meanwhile is dropped; its own end is on the way back.
          write: (chunk) => to.destroyed || to.writableEnded || to.write(chunk),
          end: () => to.end(),
          abort: () => to.resetAndDestroy(),
        },
      });
      let ended = false;
      from.on('data', (chunk: Buffer) => {
        if (frozen) return;
        counts[count] += chunk.byteLength;
        if (!line.push(chunk)) from.pause();
      });
      from.on('end', () => {
        ended = true;
        line.end();
      });
      from.on('close', (hadError: boolean) => {
        if (hadError || !ended) line.abort();
      });
      to.on('drain', () => line.drained());
      return line;
    }

    // Errors come back as 'close' with hadError, which is where they are passed on.
    dialler.on('error', () => {});
    dialler.on('end', () => {
      left = true;
    });
    dialler.on('close', () => {
      left = true;
      if (target === null || target.destroyed) connections.delete(connection);
    });
    connections.add(connection);
    if (isCut) {
      connection.freeze();
      return;
    }
    const other = connect({ ...options.target, allowHalfOpen: true, noDelay: true });
    target = other;
    other.on('error', () => {});
    other.on('close', () => {
      if (dialler.destroyed) connections.delete(connection);
    });
    up = wire(dialler, other, 'bytesUp', openAt);
    down = wire(other, dialler, 'bytesDown', openAt);
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
  await listen(server, options.listen);
  return {
    port: (server.address() as { port: number }).port,
    setOneWayMs(ms) {
      oneWayMs = ms;
    },
    cut() {
      isCut = true;
      for (const connection of [...connections]) connection.freeze();
    },
    heal() {
      isCut = false;
      for (const connection of [...connections]) if (connection.frozen) connection.destroy();
    },
    stats: () => {
      const frozen = [...connections].filter((c) => c.frozen).length;
      return { ...counts, open: connections.size - frozen, frozen };
    },
    async close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const connection of [...connections]) connection.destroy();
      await closed;
    },
  };
}

const listen = (server: Server, { host, port }: Address): Promise<void> => new Promise((resolve, reject) => {
  server.once('error', reject);
  server.listen({ host, port, backlog: 1024 }, () => {
    server.off('error', reject);
    resolve();
  });
});
