/** The site's secrets in Secrets Manager: those that are there, and those whose values this program has. */
import { Secret } from '@pulumi/aws/secretsmanager/secret.js';
import { SecretVersion } from '@pulumi/aws/secretsmanager/secretVersion.js';
import * as pulumi from '@pulumi/pulumi';
import { SECRET_BYTES_MAX, secretName } from '../../../platform/secrets.ts';
import { checkAll, type Mistakes } from '../mistakes.ts';
import type { EdgeSiteArgs, SecretSource } from './args.ts';

/** ARNs, in the shape that container definitions are made from. */
export interface SecretArns {
  readonly trust: string;
  readonly key: string;
  readonly certificate?: { readonly chain: string; readonly key: string };
  readonly token?: string;
}

/** By the names that `tidemark keys` gives them: platform/secrets.ts. */
const sources = ({ secrets: { trust, key, certificate, token } }: Pick<EdgeSiteArgs, 'secrets'>): Readonly<Record<string, SecretSource | undefined>> => ({
  trust, key, 'tls-cert': certificate?.chain, 'tls-key': certificate?.key, token,
});

const PATHS: Readonly<Record<string, string>> = { trust: 'trust', key: 'key', 'tls-cert': 'certificate.chain', 'tls-key': 'certificate.key', token: 'token' };

export function checkSecrets(m: Mistakes, args: Pick<EdgeSiteArgs, 'secrets'>): void {
  for (const [what, source] of Object.entries(sources(args))) {
    if (source === undefined) continue;
    const path = `secrets.${PATHS[what]}`;
    m.exactlyOne({ [`${path}.arn`]: source.arn, [`${path}.value`]: source.value });
    // Not the value that was given: it may be the secret itself.
    if (m.known(source.arn) && !/^arn:[\w-]+:(?:secretsmanager|ssm):/.test(source.arn as string)) {
      m.add(`${path}.arn: expected the ARN of a secret in Secrets Manager or of a parameter; a value goes into ${path}.value`);
    }
  }
}

/** Makes what is given by value, and gives the ARNs of all. */
export function makeSecrets(id: string, args: EdgeSiteArgs, options: pulumi.CustomResourceOptions): pulumi.Output<SecretArns> {
  const { stack, secretsKeyArn = args.encryptionKeyArn, tags = {} } = args;
  const arns = Object.entries(sources(args)).flatMap(([what, source]): [string, pulumi.Input<string>][] => {
    if (source === undefined) return [];
    if (source.arn !== undefined) return [[what, source.arn]];
    const name = secretName(stack, what);
    const secret = new Secret(`${id}-${what}`, { name, description: `${what} of ${stack.id}`, kmsKeyId: secretsKeyArn, tags: { ...tags } }, options);
    const version = new SecretVersion(`${id}-${what}-value`, {
      secretId: secret.id,
      secretString: pulumi.secret(source.value!).apply((value) => {
        checkAll(name, (m) => {
          const bytes = Buffer.byteLength(value);
          if (bytes === 0 || bytes > SECRET_BYTES_MAX) m.add(`expected 1 to ${SECRET_BYTES_MAX} bytes, got ${bytes}`);
        });
        return value;
      }),
    }, { ...options, additionalSecretOutputs: ['secretString'] });
    // Of the version, so that a task is started when there is something to read.
    return [[what, version.arn]];
  });
  return pulumi.all(Object.fromEntries(arns)).apply((all): SecretArns => ({
    trust: all['trust']!, key: all['key']!,
    ...(all['tls-cert'] === undefined ? {} : { certificate: { chain: all['tls-cert'], key: all['tls-key']! } }),
    ...(all['token'] === undefined ? {} : { token: all['token'] }),
  }));
}
