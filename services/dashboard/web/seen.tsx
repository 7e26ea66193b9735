/** The checkpoints that this browser has verified: what makes a rewritten log visible to who looks twice. */
import { toBase64 } from '../merkle.ts';
import type { Checkpoint } from '../notes.ts';
import type { Seen } from '../log-check.ts';
import { store, stored } from './storage.tsx';

const NAME = 'tidemark:seen';
/** The first one is kept for ever, then the latest. */
const SEEN_MAX = 50;

export function allSeen(): readonly Seen[] {
  try {
    const value: unknown = JSON.parse(stored(NAME) ?? '[]');
    return Array.isArray(value) ? value as Seen[] : [];
  } catch {
    return [];
  }
}

export function remember({ origin, size, root }: Checkpoint): readonly Seen[] {
  const old = allSeen();
  if (old.some((s) => s.origin === origin && s.size === size && s.root === toBase64(root))) return old;
  const all = [...old, { origin, size, root: toBase64(root), at: Date.now() }];
  const kept = all.length > SEEN_MAX ? [all[0]!, ...all.slice(all.length - SEEN_MAX + 1)] : all;
  store(NAME, JSON.stringify(kept));
  return kept;
}
