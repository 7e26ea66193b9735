/** So many in each second, and no more: a bound on what strangers can make a service write down. Pure. */
export interface Allowance {
  /** @param time milliseconds @returns whether there is one left in this second */
  readonly take: (time: number) => boolean;
}

const SECOND_MS = 1_000;

export function createAllowance(perSecond: number): Allowance {
  let second = -Infinity;
  let taken = 0;
  return {
    take(time) {
      const now = Math.floor(time / SECOND_MS);
      // A clock that was set back gives no second twice.
      if (now > second) [second, taken] = [now, 0];
      if (taken >= perSecond) return false;
      taken += 1;
      return true;
    },
  };
}
