/** Secrets as they are on the wire: objects with Pulumi's signature in the place of the value (pulumi/sdk/nodejs/runtime/rpc.ts). */
import { specialSecretSig, specialSigKey } from '@pulumi/pulumi/runtime/rpc.js';

/** The value without the wrapping, and the paths at which there was one. */
export function revealed(value: unknown, path = ''): { readonly value: unknown; readonly paths: readonly string[] } {
  if (typeof value !== 'object' || value === null) return { value, paths: [] };
  if ((value as Record<string, unknown>)[specialSigKey] === specialSecretSig) {
    return { value: revealed((value as { value: unknown }).value).value, paths: [path] };
  }
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return { value, paths: [] };
  const entries = Object.entries(value).map(([key, item]) => [key, revealed(item, path === '' ? key : `${path}.${key}`)] as const);
  const paths = entries.flatMap(([, item]) => item.paths);
  return { value: Array.isArray(value) ? entries.map(([, item]) => item.value) : Object.fromEntries(entries.map(([key, item]) => [key, item.value])), paths };
}
