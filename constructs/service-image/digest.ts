/** The digest of an image in a stack: what the lock file says, or a variable that whoever plans has to give. */
import { Annotations, Fn, TerraformStack, TerraformVariable } from 'cdktf';
import { type Construct } from 'constructs';
import { DIGEST_PATTERN, type ImageLock } from './lock.ts';
import { THIRD_PARTY } from './third-party.ts';

/** `edge_node_digest` for `tidemark/edge-node`, `nats_digest` for `nats`. */
export const digestVariableName = (name: string): string =>
  `${name.slice(name.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9]+/g, '_')}_digest`;

/** What records its digest in the lock file: what is one's own is built, what others made is pinned. */
export function recordCommand(name: string): string {
  const suggested = THIRD_PARTY[name]?.suggested;
  return `tidemark images ${suggested === undefined ? 'build' : `pin ${name} ${suggested}`}`;
}

/** Where an image of others is; undefined for one that nobody knows. */
export const repositoryOf = (lock: ImageLock | undefined, name: string): string | undefined =>
  lock?.pinned[name]?.repository ?? THIRD_PARTY[name]?.repository;

export const lockedDigest = (lock: ImageLock | undefined, name: string): string | undefined =>
  lock?.built[name]?.digest ?? lock?.pinned[name]?.digest;

/** @returns a digest, or a reference to the stack's variable for it */
export function digestOf(scope: Construct, lock: ImageLock | undefined, name: string): string {
  return lockedDigest(lock, name) ?? digestVariable(scope, name);
}

/** Without a default and never null: nothing unpinned can be planned. One for each image of a stack. */
function digestVariable(scope: Construct, name: string): string {
  const stack = TerraformStack.of(scope);
  const id = digestVariableName(name);
  const known = stack.node.tryFindChild(id);
  if (known instanceof TerraformVariable) return known.stringValue;
  const variable = new TerraformVariable(stack, id, {
    type: 'string', nullable: false,
    description: `Digest of the image ${name}: sha256: and 64 hexadecimal digits. images.lock.json has none for it.`,
  });
  variable.addValidation({
    condition: Fn.can(Fn.regex(DIGEST_PATTERN, variable.stringValue)),
    errorMessage: `Expected sha256: and 64 hexadecimal digits: the digest of the image ${name}, as tidemark images list shows it.`,
  });
  Annotations.of(stack).addWarning(`no digest of ${name} in images.lock.json: the stack needs the variable ${id}; record it with ${recordCommand(name)}`);
  return variable.stringValue;
}
