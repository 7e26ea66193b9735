/**
 * What the stacks use of the AWS provider that release 5.100, which a mirror may hold instead of the one they ask for, does not know.
 * It is taken out of the copy that is checked, never out of the stacks. Each entry is tested to be needed.
 */
import type { Block, StackJson } from './deployments.ts';

export interface Unknown {
  readonly resource: string;
  readonly attribute: string;
  /** Only where the attribute has this value, which then is replaced. @default - the attribute is removed, whatever its value */
  readonly value?: { readonly from: string; readonly to: string };
  readonly why: string;
}

/** The first release that knows all of them. */
const KNOWN_SINCE = [6, 25] as const;

export const UNKNOWN_TO_OLDER: readonly Unknown[] = [
  {
    resource: 'aws_ecr_repository_creation_template', attribute: 'region',
    why: 'a resource in another AWS region than its provider: since 6.0',
  },
  {
    resource: 'aws_kms_key', attribute: 'customer_master_key_spec', value: { from: 'ECC_NIST_EDWARDS25519', to: 'ECC_NIST_P256' },
    why: 'Ed25519 keys in KMS came later',
  },
];

export const describeUnknown = ({ resource, attribute, value, why }: Unknown): string =>
  `${resource}.${attribute}${value === undefined ? '' : ` = ${value.from} (${value.to} instead)`}: ${why}`;

export function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < KNOWN_SINCE[0] || (major === KNOWN_SINCE[0] && minor < KNOWN_SINCE[1]);
}

/** A copy without the entries. @returns with those of them that the stack had */
export function without(stack: StackJson, entries: readonly Unknown[]): { readonly stack: StackJson; readonly used: ReadonlySet<Unknown> } {
  const copy = structuredClone(stack);
  const used = new Set<Unknown>();
  for (const entry of entries) {
    const { resource, attribute, value } = entry;
    for (const block of Object.values<Block>(copy.resource[resource] ?? {})) {
      if (value === undefined ? !Object.hasOwn(block, attribute) : block[attribute] !== value.from) continue;
      if (value === undefined) delete block[attribute];
      else block[attribute] = value.to;
      used.add(entry);
    }
  }
  return { stack: copy, used };
}
