/** What a suite does without a program that it needs: on a laptop it is left out with one line, in CI it fails. */
import { describe } from 'vitest';

/**
 * @param missing what isn't there and where to get it; undefined when all is there
 * @returns `describe`, or the one that leaves the suite out
 * @throws Error in CI when something is missing
 */
export function describeUnless(missing: string | undefined): typeof describe | typeof describe.skip {
  if (missing === undefined) return describe;
  if (process.env['CI'] === 'true') throw new Error(`${missing}; in CI this suite is not left out`);
  process.stderr.write(`left out: ${missing}\n`);
  return describe.skip;
}
