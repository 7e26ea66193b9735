/**
 * What is secret of a deployment, by name: the one table that `tidemark keys` fills Secrets Manager by, and that stacks read it by.
 */
import type { Deploy } from './deploy.ts';
import type { Platform, Region } from './model.ts';

/** One stack of one deployment. */
export interface StackRef {
  /** The platform's name. */
  readonly platform: string;
  readonly environment: string;
  readonly kind: 'global' | 'region' | 'edge';
  /** Of a region or an edge site. @default - for `global`: none */
  readonly id?: string;
}

/** `global`, `region-eu`, `edge-eu-fra-1`: the stack's name, its folder, and its part of parameter and secret names. */
export const stackName = (stack: Pick<StackRef, 'kind' | 'id'>): string =>
  (stack.kind === 'global' ? 'global' : `${stack.kind}-${stack.id ?? ''}`);

/** `/tidemark/production/region-eu/key-0`: what a secret is called in Secrets Manager. */
export const secretName = (stack: StackRef, what: string): string =>
  `/${stack.platform}/${stack.environment}/${stackName(stack)}/${what}`;

/** What a secret may hold at most: 65,536 bytes (Secrets Manager API, SecretString). */
export const SECRET_BYTES_MAX = 65_536;

/** What every stack's services need: the note key comes on top, under a name that depends on the tier. */
const COMMON = ['trust', 'token', 'tls-cert', 'tls-key'] as const;

/** The secrets of one stack, as the last part of their names. */
export function secretsOf(
  platform: Pick<Platform, 'regions' | 'webhooks'> & { readonly deploy: Pick<Deploy, 'storage'> }, stack: Pick<StackRef, 'kind' | 'id'>,
): readonly string[] {
  if (stack.kind === 'edge') return ['key', ...COMMON];
  if (stack.kind === 'global') {
    return ['key', ...COMMON, ...(platform.deploy.storage === 'managed' ? [LEDGER_SECRET] : []), ...(platform.webhooks.length > 0 ? [WEBHOOK_SECRETS] : [])];
  }
  const region = platform.regions.find((r) => r.id === stack.id);
  if (region === undefined) throw new RangeError(`no region ${JSON.stringify(stack.id)}; there are ${platform.regions.map((r) => r.id).join(', ')}`);
  return [...replicaKeys(region), 'region-key', ...COMMON, ...(platform.deploy.storage === 'managed' ? STREAM : [])];
}

/** User and password of the ledger's database, as JSON: the control plane's own, not the database's master. */
export const LEDGER_SECRET = 'ledger-credentials';

/** Signing secrets of the webhooks, as JSON by webhook: the control plane signs with them, receivers check by them. */
export const WEBHOOK_SECRETS = 'webhook-secrets';

/** Of a region whose order is kept by a JetStream cluster: its token, and the certificate of its servers. */
const STREAM = ['stream-token', 'stream-tls-cert', 'stream-tls-key'] as const;

/** Each replica cosigns with a key of its own. */
const replicaKeys = (region: Pick<Region, 'replicas'>): string[] => Array.from({ length: region.replicas }, (_, i) => `key-${i}`);
