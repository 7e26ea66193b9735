/** How many settlements are how old, of commits in the order of their times: by bisection, so a long outage does not make it a long look. */

/** A commit, as far as ages need it. */
export interface Aged {
  /** Milliseconds since 1970. */
  readonly decidedAt: number;
  /** Settlements of the commits before it. */
  readonly before: number;
}

/**
 * @param size commits, oldest first; where a clock was set back between two, those around count as older or younger than they are
 * @param at the commit at a place from 0
 * @param upTo settlements of all of them, and of those before the first
 * @param ages rising, milliseconds
 * @returns at most so old as each of `ages`, and older than all
 */
export function countByAge(size: number, at: (place: number) => Aged, upTo: number, ages: readonly number[], time: number): number[] {
  let younger = upTo;
  const counts = ages.map((age) => {
    let [low, high] = [0, size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (time - at(middle).decidedAt <= age) high = middle;
      else low = middle + 1;
    }
    const from = low === size ? upTo : at(low).before;
    const count = younger - from;
    younger = from;
    return count;
  });
  return [...counts, size === 0 ? 0 : younger - at(0).before];
}
