/** What the node knows of its way to the centre: which replica it talks to, and when it last had word from the centre. */
export interface Link {
  /** Base URL of the replica in use. */
  url(): string;
  /** The replica in use did not answer: the next one is tried. */
  failed(url: string): void;
  /** Something that the centre has signed proves that it was in reach after this time. */
  heard(at: number): void;
  /** Whether the centre was heard of within the policy's `offlineAfterMs`. */
  connected(now: number): boolean;
  /** Time since the centre was last heard of, milliseconds; Infinity before the first time. */
  centreAgeMs(now: number): number;
}

export function createLink(urls: readonly string[], offlineAfterMs: number): Link {
  if (urls.length === 0) throw new Error('an edge node needs the URL of at least one replica of its region');
  let current = 0;
  let centreAt = -Infinity;
  return {
    url: () => urls[current]!,
    failed(url) {
      if (urls[current] === url) current = (current + 1) % urls.length;
    },
    heard(at) {
      centreAt = Math.max(centreAt, at);
    },
    connected: (now) => now - centreAt <= offlineAfterMs,
    centreAgeMs: (now) => now - centreAt,
  };
}
