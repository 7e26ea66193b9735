/** What probes say of the ways to other sites: whether they are open, and by how much round trips differ from one to the next. */
import type { PeerState } from '../../telemetry/index.ts';

/** So many lost probes in a row mean that the way is down; a single one that comes back, that it is up. */
export const DOWN_AFTER = 3;

export interface Probe {
  /** The site probed. */
  readonly to: string;
  /** Which of its processes, where it has several: round trips to one say nothing of how steady those to another are. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  /** Milliseconds; null when it was given up. */
  readonly rttMs: number | null;
}

export interface Peers {
  /** @returns the difference to the round trip of the probe before on this path, milliseconds; null when one of the two was lost, or there was none */
  probed(probe: Probe): number | null;
  /** By site; without those of which nothing is known yet. */
  states(): Readonly<Record<string, PeerState>>;
}

interface Known {
  state: PeerState | null;
  lostInRow: number;
  /** When the first of those was sent. */
  lostSince: number;
  /** The last round trip on each path. */
  readonly last: Map<string, number>;
}

export function createPeers(): Peers {
  const known = new Map<string, Known>();
  return {
    probed({ to, path, sentAt, rttMs }) {
      let peer = known.get(to);
      if (peer === undefined) known.set(to, peer = { state: null, lostInRow: 0, lostSince: 0, last: new Map() });
      const since = Math.max(0, Math.floor(sentAt));
      if (rttMs === null) {
        if (peer.lostInRow === 0) peer.lostSince = since;
        peer.lostInRow += 1;
        if (peer.lostInRow >= DOWN_AFTER && peer.state?.up !== false) peer.state = { up: false, since: peer.lostSince };
        // The difference is defined for two probes that both came back (RFC 3393, section 2.1).
        peer.last.delete(path);
        return null;
      }
      peer.lostInRow = 0;
      if (peer.state?.up !== true) peer.state = { up: true, since };
      const before = peer.last.get(path);
      peer.last.set(path, rttMs);
      return before === undefined ? null : Math.abs(rttMs - before);
    },
    states: () => Object.fromEntries([...known].flatMap(([to, { state }]) => (state === null ? [] : [[to, state] as const]))),
  };
}
