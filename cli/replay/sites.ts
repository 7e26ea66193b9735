/** Which edge node a settlement is entered at: the same for the same value, on every run. */
import { hash } from 'node:crypto';

/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): each node gets a like share, and when a node comes or goes only its own
 * share moves.
 * @param nodes ids of the edge nodes, at least one
 */
export function chooseSite(value: string, nodes: readonly string[]): string {
  let best = nodes[0]!;
  let most = '';
  for (const node of nodes) {
    const weight = hash('sha256', `${node}\n${value}`, 'hex');
    if (weight > most) {
      most = weight;
      best = node;
    }
  }
  return best;
}
