/**
 * The right edge of a Merkle tree: the roots of the perfect subtrees whose sizes are the set bits of the tree's size
 * (RFC 6962, section 2.1; also known as a compact range). It is all that appending and the root need: 32 bytes a bit.
 */
import { EncodingError } from '../protocol/errors.ts';
import { ProofError } from './errors.ts';
import { asBuffer, EMPTY_ROOT, HASH_SIZE, hashChildrenInto } from './hash.ts';

/** Sizes are safe integers, so no subtree is higher than this. */
const HEIGHT_MAX = 53;

/** What {@link Frontier} tells of the inner nodes it completes, at heights 8, 16, ...: `hash` is valid during the call. */
export type TileNodeVisitor = (level: number, index: number, hash: Buffer) => void;

const bit = (size: number, height: number): boolean => Math.floor(size / 2 ** height) % 2 === 1;

export class Frontier {
  #size = 0;
  readonly #edge = Buffer.alloc(HEIGHT_MAX * HASH_SIZE);
  readonly #current = Buffer.alloc(HASH_SIZE);

  static empty(): Frontier {
    return new Frontier();
  }

  /**
   * The frontier of a tree of `size` leaves, from the roots of its perfect subtrees, largest (leftmost) first.
   *
   * @throws ProofError when the number of hashes does not fit the size
   */
  static of(size: number, hashes: readonly Uint8Array[]): Frontier {
    if (!Number.isSafeInteger(size) || size < 0) throw new ProofError(`size ${size}: expected a non-negative safe integer`);
    const frontier = new Frontier();
    let used = 0;
    for (let height = HEIGHT_MAX - 1; height >= 0; height -= 1) {
      if (!bit(size, height)) continue;
      const hash = hashes[used];
      used += 1;
      if (hash === undefined || hash.length !== HASH_SIZE) {
        throw new ProofError(`a frontier of size ${size}: subtree hash ${used} is missing or not ${HASH_SIZE} bytes`);
      }
      frontier.#edge.set(hash, height * HASH_SIZE);
    }
    if (used !== hashes.length) {
      throw new ProofError(`a frontier of size ${size} has ${used} subtrees, got ${hashes.length} hashes`);
    }
    frontier.#size = size;
    return frontier;
  }

  /** @throws EncodingError when the bytes are not what {@link encode} writes */
  static decode(bytes: Uint8Array): Frontier {
    const b = asBuffer(bytes);
    if (b.length < 8) throw new EncodingError(`frontier: cut off: ${b.length} bytes, expected at least 8`);
    const size = Number(b.readBigUInt64BE(0));
    if (!Number.isSafeInteger(size)) throw new EncodingError(`frontier: size ${b.readBigUInt64BE(0)} is too large`);
    let expected = 8;
    for (let height = 0; height < HEIGHT_MAX; height += 1) if (bit(size, height)) expected += HASH_SIZE;
    if (b.length !== expected) throw new EncodingError(`frontier: size ${size} takes ${expected} bytes, got ${b.length}`);
    const hashes: Buffer[] = [];
    for (let at = 8; at < b.length; at += HASH_SIZE) hashes.push(b.subarray(at, at + HASH_SIZE));
    return Frontier.of(size, hashes);
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  /** At most log2(size) hashes, one on average. */
  append(leafHash: Uint8Array): void {
    if (leafHash.length !== HASH_SIZE) throw new RangeError(`a leaf hash has ${HASH_SIZE} bytes, got ${leafHash.length}`);
    this.appendNode(0, asBuffer(leafHash), 0);
  }

  /** Appends n leaf hashes that lie one after the other. */
  appendMany(leafHashes: Uint8Array): void {
    if (leafHashes.length % HASH_SIZE !== 0) {
      throw new RangeError(`leaf hashes of ${leafHashes.length} bytes: expected a multiple of ${HASH_SIZE}`);
    }
    const hashes = asBuffer(leafHashes);
    for (let at = 0; at < hashes.length; at += HASH_SIZE) this.appendNode(0, hashes, at);
  }

  /**
   * Appends a perfect subtree of 2^`height` leaves by its root, `hashes[at..at + 32)`. The size must be a multiple of
   * 2^`height`. For leaves (`height` 0), `visit` hears of every node that belongs into a tile above level 0.
   */
  appendNode(height: number, hashes: Buffer, at: number, visit?: TileNodeVisitor): void {
    const current = this.#current;
    const added = 2 ** height;
    let n = this.#size / added;
    if (!Number.isInteger(n)) throw new RangeError(`a subtree of ${added} leaves does not fit at ${this.#size}`);
    if (this.#size + added > Number.MAX_SAFE_INTEGER) throw new RangeError('the tree is full');
    hashes.copy(current, 0, at, at + HASH_SIZE);
    let h = height;
    while (n % 2 === 1) {
      hashChildrenInto(this.#edge, h * HASH_SIZE, current, 0, current, 0);
      n = (n - 1) / 2;
      h += 1;
      if (h % 8 === 0) visit?.(h / 8, n, current);
    }
    current.copy(this.#edge, h * HASH_SIZE);
    this.#size += added;
  }

  /** The tree's root; at most log2(size) hashes. */
  root(): Buffer {
    if (this.#size === 0) return Buffer.from(EMPTY_ROOT);
    const out = Buffer.allocUnsafe(HASH_SIZE);
    let started = false;
    for (let height = 0, n = this.#size; n > 0; height += 1, n = Math.floor(n / 2)) {
      if (n % 2 === 0) continue;
      if (started) hashChildrenInto(this.#edge, height * HASH_SIZE, out, 0, out, 0);
      else this.#edge.copy(out, 0, height * HASH_SIZE, (height + 1) * HASH_SIZE);
      started = true;
    }
    return out;
  }

  /** Roots of the perfect subtrees, largest (leftmost) first. */
  hashes(): Buffer[] {
    const out: Buffer[] = [];
    for (let height = HEIGHT_MAX - 1; height >= 0; height -= 1) {
      if (bit(this.#size, height)) out.push(Buffer.from(this.#edge.subarray(height * HASH_SIZE, (height + 1) * HASH_SIZE)));
    }
    return out;
  }

  /** uint64 BE size, then the subtree roots as {@link hashes} lists them. */
  encode(): Buffer {
    const size = Buffer.allocUnsafe(8);
    size.writeBigUInt64BE(BigInt(this.#size));
    return Buffer.concat([size, ...this.hashes()]);
  }

  copy(): Frontier {
    return Frontier.of(this.#size, this.hashes());
  }
}
