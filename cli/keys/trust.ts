/** The part of trust.json that a site needs: every site must be able to tell a true checkpoint, few must know every edge node. */
import type { TrustFile } from '../../services/transparency/index.ts';
import { SECRET_BYTES_MAX, type StackRef } from '../../platform/index.ts';
import type { SecretFile } from './layout.ts';

/**
 * All regions and their replicas, whose cosignatures every site counts. Of edge nodes: all of them for the control plane, a
 * region's own for a region, itself for an edge node.
 */
export function trustFor(trust: TrustFile, stack: Pick<StackRef, 'kind' | 'id'>): TrustFile {
  if (stack.kind === 'global') return trust;
  return {
    ...trust,
    regions: trust.regions.map((region) => ({
      ...region, nodes: region.nodes.filter((node) => (stack.kind === 'edge' ? node.id === stack.id : region.id === stack.id)),
    })),
  };
}

/** The trust.json of each site, and a notice for each that no secret can hold. */
export function trustSecrets(
  trust: TrustFile, files: readonly Pick<SecretFile, 'what' | 'stack' | 'site' | 'file'>[],
): { readonly files: readonly { readonly file: string; readonly text: string }[]; readonly notices: readonly string[] } {
  const made = files.filter((file) => file.what === 'trust').map(({ stack, site, file }) => ({ site, file, text: JSON.stringify(trustFor(trust, stack)) }));
  const notices = made.filter(({ text }) => Buffer.byteLength(text) > SECRET_BYTES_MAX).map(({ site, file, text }) =>
    `${file} has ${Buffer.byteLength(text).toLocaleString('en')} bytes, and a secret holds ${SECRET_BYTES_MAX.toLocaleString('en')}: bring it to ${site} in another way; nothing in it is secret`);
  return { files: made, notices };
}
