/** A symmetric KMS key that rotates, with an alias, and a policy in which IAM decides who uses it. */
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition/index.js';
import { KmsAlias } from '@cdktf/provider-aws/lib/kms-alias/index.js';
import { KmsKey } from '@cdktf/provider-aws/lib/kms-key/index.js';
import { Lazy, type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check, policyJson, type Grantee, type Statement } from '../common/index.ts';
import { ACCOUNT_ACTIONS, DELETION, ROTATION, USES, type KeyUse } from './defaults.ts';

export interface EncryptionKeyProps {
  /** Of its alias, without `alias/`: `tidemark-production-global`. */
  readonly name: string;
  /** What it encrypts, for people. */
  readonly description: string;
  /** AWS region of the key. */
  readonly region: string;
  /** AWS services that use it without a caller whose permissions count. @default - none */
  readonly uses?: readonly KeyUse[];
  /** Days between two rotations, 90 to 2560. @default 365 */
  readonly rotationDays?: number;
  /** Days during which a deletion can be called off, 7 to 30. @default 30 */
  readonly deletionDays?: number;
  /** Whether Terraform refuses to plan its destruction. What it has encrypted is lost with it. @default false */
  readonly preventDestroy?: boolean;
  /** Provider of `region`. @default - the stack's own */
  readonly provider?: TerraformProvider;
}

/** A key to encrypt with, made here or elsewhere. */
export interface ExistingKey {
  readonly arn: string;
  /** Lets it read what was encrypted. */
  readonly grantDecrypt: (grantee: Grantee) => void;
  /** Lets it read and write. */
  readonly grantEncryptDecrypt: (grantee: Grantee) => void;
}

export class EncryptionKey extends Construct implements ExistingKey {
  /** A key that exists; whoever owns it says in its policy which AWS services use it. */
  static fromArn(arn: string): ExistingKey {
    return { arn, ...grantsOf(arn) };
  }

  readonly arn: string;
  readonly keyId: string;
  /** `alias/<name>` */
  readonly alias: string;
  readonly key: KmsKey;
  readonly grantDecrypt: ExistingKey['grantDecrypt'];
  readonly grantEncryptDecrypt: ExistingKey['grantEncryptDecrypt'];
  readonly #statements: Statement[];

  constructor(scope: Construct, id: string, props: EncryptionKeyProps) {
    super(scope, id);
    const { name, rotationDays = ROTATION.days, deletionDays = DELETION.days, uses = [] } = props;
    check(this, (m) => {
      m.text('name', name, /^(?!aws\/)[\w/-]{1,250}$/, 'at most 250 letters, digits and /_-, not starting with aws/');
      m.range('rotationDays', rotationDays, ROTATION.least, ROTATION.most, 'days');
      m.range('deletionDays', deletionDays, DELETION.least, DELETION.most, 'days');
      for (const use of uses) m.oneOf('uses', use, Object.keys(USES));
    });
    const at = props.provider === undefined ? {} : { provider: props.provider };
    const { accountId } = new DataAwsCallerIdentity(this, 'account', at);
    const { partition } = new DataAwsPartition(this, 'partition', at);
    this.#statements = [
      { sid: 'Account', actions: ACCOUNT_ACTIONS, resources: ['*'], principals: { AWS: `arn:${partition}:iam::${accountId}:root` } },
      ...[...new Set(uses)].flatMap((use) => USES[use]({ partition, accountId, region: props.region })),
    ];
    this.key = new KmsKey(this, 'key', {
      description: props.description, enableKeyRotation: true, rotationPeriodInDays: rotationDays, deletionWindowInDays: deletionDays,
      policy: Lazy.stringValue({ produce: () => policyJson(this.#statements) }), tags: { Name: name },
      ...(props.preventDestroy === true ? { lifecycle: { preventDestroy: true } } : {}), ...at,
    });
    this.arn = this.key.arn;
    this.keyId = this.key.keyId;
    this.alias = new KmsAlias(this, 'alias', { name: `alias/${name}`, targetKeyId: this.key.keyId, ...at }).name;
    ({ grantDecrypt: this.grantDecrypt, grantEncryptDecrypt: this.grantEncryptDecrypt } = grantsOf(this.arn));
  }

  /** Adds to the key's own policy: for AWS services and other accounts. Whoever is in this account is granted it. */
  readonly addToPolicy = (statement: Omit<Statement, 'resources'>): void => {
    check(this, (m) => {
      if (statement.principals === undefined) m.add('addToPolicy: a statement of a key policy names its principals');
    });
    this.#statements.push({ ...statement, resources: ['*'] });
  };
}

const grantsOf = (arn: string): Pick<ExistingKey, 'grantDecrypt' | 'grantEncryptDecrypt'> => ({
  grantDecrypt: (grantee) => grantee.allow({ actions: ['kms:Decrypt', 'kms:DescribeKey'], resources: [arn] }),
  grantEncryptDecrypt: (grantee) => grantee.allow({ actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey'], resources: [arn] }),
});
