/** Checks of the global log itself, from its tiles: that it only grew, and that its entries are what its tiles say. */
import { ProofError } from '../transparency/errors.ts';
import { bundlePath, TILE_WIDTH, tilePath, tileWidth } from '../transparency/tiles.ts';
import { hashLeaf, HASH_SIZE, sameBytes, tileTree, toBase64, verifyConsistency, type Bytes } from './merkle.ts';
import type { Checkpoint } from './notes.ts';

/** Fetches a file of the log by its path relative to the log, such as `tile/0/000.p/7`. */
export type FileFetcher = (path: string) => Promise<Bytes>;

/** A checkpoint that this browser verified before. */
export interface Seen {
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** When it was verified, milliseconds since 1970. */
  readonly at: number;
}

/** What of this log was seen before and cannot be, if this checkpoint is true; null when nothing is. */
export function otherHistory({ origin, size, root }: Checkpoint, seen: readonly Seen[]): Seen | null {
  return seen.find((s) => s.origin === origin && s.size === size && s.root !== toBase64(root)) ?? null;
}

/** The longest that this log was seen, when that is longer than this checkpoint. */
export function longerBefore({ origin, size }: Checkpoint, seen: readonly Seen[]): Seen | null {
  const longer = seen.filter((s) => s.origin === origin && s.size > size).sort((a, b) => b.size - a.size);
  return longer[0] ?? null;
}

export interface Growth {
  readonly oldSize: number;
  readonly newSize: number;
  /** Base64. */
  readonly oldRoot: string;
  readonly newRoot: string;
  /** Base64, as RFC 6962 orders them. */
  readonly proof: readonly string[];
  /** The remembered checkpoints that the two roots were compared with. */
  readonly remembered: readonly Seen[];
}

/**
 * Proves that the log of `oldSize` entries is the beginning of that of `newSize`, and that both are of the log whose signed
 * checkpoint this is: its root is computed from the same tiles. Roots that were seen before have to be the same.
 *
 * @throws ProofError saying what does not hold
 */
export async function checkGrowth(
  oldSize: number, newSize: number, checkpoint: Checkpoint, fetchFile: FileFetcher, seen: readonly Seen[] = [],
): Promise<Growth> {
  if (!(Number.isSafeInteger(oldSize) && Number.isSafeInteger(newSize) && oldSize >= 0 && oldSize <= newSize && newSize <= checkpoint.size)) {
    throw new ProofError(`sizes ${oldSize} and ${newSize}: expected 0 ≤ older ≤ newer ≤ ${checkpoint.size}, the size of the checkpoint`);
  }
  const tree = tileTree(checkpoint.size, (level, index, width) => fetchFile(tilePath(level, index, width)));
  const [root, oldRoot, newRoot] = await Promise.all([tree.root(checkpoint.size), tree.root(oldSize), tree.root(newSize)]);
  if (!sameBytes(root, checkpoint.root)) {
    throw new ProofError(`the tiles lead to the root ${toBase64(root)}, the signed checkpoint of size ${checkpoint.size} says ${toBase64(checkpoint.root)}`);
  }
  const proof = await tree.consistency(oldSize, newSize);
  await verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof);
  await verifyConsistency(newSize, newRoot, checkpoint.size, checkpoint.root, await tree.consistency(newSize, checkpoint.size));
  const remembered = seen.filter((s) => s.origin === checkpoint.origin && (s.size === oldSize || s.size === newSize));
  for (const s of remembered) {
    const now = toBase64(s.size === oldSize ? oldRoot : newRoot);
    if (s.root !== now) throw new ProofError(`the log was rewritten: at size ${s.size} its root was ${s.root} on ${new Date(s.at).toISOString()}, now it is ${now}`);
  }
  return { oldSize, newSize, oldRoot: toBase64(oldRoot), newRoot: toBase64(newRoot), proof: proof.map(toBase64), remembered };
}

export interface TileEntry {
  readonly index: number;
  readonly text: string;
  /** Base64; what the entry hashes to. */
  readonly leaf: string;
  /** Whether the tile of hashes says the same. */
  readonly agrees: boolean;
}

/** The entries of one bundle, each beside its hash in the tile. @throws ProofError when there is no such bundle, or it is cut off */
export async function readBundle(index: number, size: number, fetchFile: FileFetcher): Promise<readonly TileEntry[]> {
  const width = Number.isSafeInteger(index) && index >= 0 ? tileWidth(size, 0, index) : 0;
  if (width === 0) throw new ProofError(`bundle ${index}: the log of ${size} entries has bundles 0 to ${Math.max(0, Math.ceil(size / TILE_WIDTH) - 1)}`);
  const [bundle, tile] = await Promise.all([fetchFile(bundlePath(index, width)), fetchFile(tilePath(0, index, width))]);
  const entries: Bytes[] = [];
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 + ((bundle[at] ?? 0) << 8 | (bundle[at + 1] ?? 0));
    if (end > bundle.length) throw new ProofError(`bundle ${index}: entry ${entries.length} is cut off at byte ${bundle.length}`);
    entries.push(bundle.slice(at + 2, end));
    at = end;
  }
  if (entries.length !== width || tile.length !== width * HASH_SIZE) {
    throw new ProofError(`bundle ${index}: ${entries.length} entries and ${tile.length / HASH_SIZE} hashes, expected ${width} of each`);
  }
  return Promise.all(entries.map(async (entry, i) => {
    const leaf = await hashLeaf(entry);
    return { index: index * TILE_WIDTH + i, text: new TextDecoder().decode(entry), leaf: toBase64(leaf), agrees: sameBytes(leaf, tile.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE)) };
  }));
}
