/** The suggestion in "did you mean ...?". */

/** Optimal string alignment distance: edits, and two neighbouring letters swapped count as one. */
function distance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(changed, (previous[j] as number) + 1, (row[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (older[j - 2] as number) + 1);
      row.push(best);
    }
    older = previous;
    previous = row;
  }
  return previous[b.length] as number;
}

/**
 * The candidate nearest to what was written, or null when none is near: at most a third of the letters differ, or one
 * begins with the other. Case does not count.
 */
export function nearest(written: string, candidates: Iterable<string>): string | null {
  if (written.length > 100) return null;
  const lower = written.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const candidate of candidates) {
    const other = candidate.toLowerCase();
    const begins = lower.length > 1 && (other.startsWith(lower) || lower.startsWith(other));
    const d = Math.min(distance(lower, other), begins ? 1 : Infinity);
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best;
}
