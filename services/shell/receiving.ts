/**
 * A bound on the memory of request bodies that are coming in or being worked on. A body is counted by what has arrived of
 * it; when all together are too much, the one that has been coming in for the longest is cut off: an honest sender sends its body
 * in one go, and whoever dawdles gives way.
 */
import type { Readable } from 'node:stream';

export interface Receiving {
  /** Watches a body; `release` it when its request is answered or gone. @param cutOff ends the request */
  watch(body: Readable, cutOff: () => void): { readonly release: () => void };
  bytes(): number;
}

interface Body {
  bytes: number;
  complete: boolean;
  readonly cutOff: () => void;
}

export function createReceiving(most: number): Receiving {
  const bodies = new Set<Body>();
  let total = 0;

  function release(body: Body): void {
    if (bodies.delete(body)) total -= body.bytes;
  }

  function makeRoom(): void {
    for (const body of bodies) {
      if (total <= most) return;
      // One that nothing has come of yet would free nothing.
      if (body.complete || body.bytes === 0) continue;
      release(body);
      body.cutOff();
    }
  }

  return {
    watch(stream, cutOff) {
      const body: Body = { bytes: 0, complete: false, cutOff };
      bodies.add(body);
      // Listening must not make it flow before its reader is there, who would miss the beginning; the reader resumes it.
      stream.pause();
      stream.on('data', (chunk: Buffer) => {
        if (!bodies.has(body)) return;
        body.bytes += chunk.byteLength;
        total += chunk.byteLength;
        makeRoom();
      });
      stream.on('end', () => {
        body.complete = true;
      });
      return { release: () => release(body) };
    },
    bytes: () => total,
  };
}
