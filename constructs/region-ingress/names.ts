/** Names of load balancers and target groups are short: a longer one keeps its start and ends with a hash of the whole. */
import { createHash } from 'node:crypto';

export function shortened(name: string, lengthMax: number): string {
  if (name.length <= lengthMax) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 7);
  return `${name.slice(0, lengthMax - 1 - hash.length).replace(/-+$/, '')}-${hash}`;
}
