/**
 * Finds where to begin in a list that can only be asked for "what comes after n", when what is wanted begins at a time: the numbers
 * rise with the time, so a search by halves takes some dozens of small questions however long the list is.
 */

/** The first item after `n`: its number and its time; null when there is none. */
export type Probe = (after: number) => Promise<{ readonly n: number; readonly at: number } | null>;

/** @returns the largest number after which nothing earlier than `from` follows: what to ask with */
export async function cursorAt(probe: Probe, from: number): Promise<number> {
  const isEarly = async (after: number): Promise<boolean> => {
    const first = await probe(after);
    return first !== null && first.at < from;
  };
  if (!await isEarly(0)) return 0;
  let [low, high] = [0, 1_024];
  while (await isEarly(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await isEarly(middle)) low = middle;
    else high = middle;
  }
  return high;
}
