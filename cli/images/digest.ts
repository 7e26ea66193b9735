/** SHA-256 as the image formats write it (OCI image-spec, descriptor.md, "Digests"), and JSON that is always the same. */
import { createHash, type Hash } from 'node:crypto';
import { type Digest } from '../../constructs/service-image/lock.ts';

export { isDigest, type Digest } from '../../constructs/service-image/lock.ts';

export const digestOf = (bytes: Uint8Array | string): Digest => finish(createHash('sha256').update(bytes));

export const finish = (hash: Hash): Digest => `sha256:${hash.digest('hex')}`;

/** Of a body too large to hold. */
export async function digestOfBlob(blob: Blob): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of blob.stream()) hash.update(chunk);
  return finish(hash);
}

/** JSON with the keys of every object in order, so that equal values give equal bytes. */
export function stableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  }, indent);
}
