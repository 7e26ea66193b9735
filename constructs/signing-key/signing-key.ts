/** An Ed25519 key in KMS that signs checkpoints and that nobody can take out. */
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition/index.js';
import { KmsAlias } from '@cdktf/provider-aws/lib/kms-alias/index.js';
import { KmsKey } from '@cdktf/provider-aws/lib/kms-key/index.js';
import { Construct } from 'constructs';
import { check, policyJson, type Grantee } from '../common/index.ts';
import { ACCOUNT_ACTIONS, ALGORITHM, DELETION, KEY_SPEC } from './defaults.ts';

export interface SigningKeyProps {
  /** Of its alias, without `alias/`: `tidemark-production-checkpoints`. */
  readonly name: string;
  /** What it signs, for people. */
  readonly description: string;
  /** Days during which a deletion can be called off, 7 to 30. @default 30 */
  readonly deletionDays?: number;
  /** Whether Terraform refuses to plan its destruction: a log whose key is gone can't go on. @default true */
  readonly preventDestroy?: boolean;
}

/** A key to sign with, made here or elsewhere. */
export interface ExistingSigningKey {
  readonly arn: string;
  /** Lets it sign, with the one algorithm that verifiers of signed notes know. */
  readonly grantSign: (grantee: Grantee) => void;
  /** Lets it read the public half. */
  readonly grantGetPublicKey: (grantee: Grantee) => void;
}

export class SigningKey extends Construct implements ExistingSigningKey {
  /** A key that exists: of the spec ECC_NIST_EDWARDS25519, for SIGN_VERIFY. */
  static fromArn(arn: string): ExistingSigningKey {
    return { arn, ...grantsOf(arn) };
  }

  readonly arn: string;
  readonly keyId: string;
  /** `alias/<name>` */
  readonly alias: string;
  readonly key: KmsKey;
  readonly grantSign: ExistingSigningKey['grantSign'];
  readonly grantGetPublicKey: ExistingSigningKey['grantGetPublicKey'];

  constructor(scope: Construct, id: string, props: SigningKeyProps) {
    super(scope, id);
    const { name, deletionDays = DELETION.days } = props;
    check(this, (m) => {
      m.text('name', name, /^(?!aws\/)[\w/-]{1,250}$/, 'at most 250 letters, digits and /_-, not starting with aws/');
      m.range('deletionDays', deletionDays, DELETION.least, DELETION.most, 'days');
    });
    const { accountId } = new DataAwsCallerIdentity(this, 'account');
    const { partition } = new DataAwsPartition(this, 'partition');
    this.key = new KmsKey(this, 'key', {
      description: props.description, keyUsage: 'SIGN_VERIFY', customerMasterKeySpec: KEY_SPEC, enableKeyRotation: false, deletionWindowInDays: deletionDays,
      policy: policyJson([{ sid: 'Account', actions: ACCOUNT_ACTIONS, resources: ['*'], principals: { AWS: `arn:${partition}:iam::${accountId}:root` } }]),
      tags: { Name: name }, ...((props.preventDestroy ?? true) ? { lifecycle: { preventDestroy: true } } : {}),
    });
    this.arn = this.key.arn;
    this.keyId = this.key.keyId;
    this.alias = new KmsAlias(this, 'alias', { name: `alias/${name}`, targetKeyId: this.key.keyId }).name;
    ({ grantSign: this.grantSign, grantGetPublicKey: this.grantGetPublicKey } = grantsOf(this.arn));
  }
}

const grantsOf = (arn: string): Pick<ExistingSigningKey, 'grantSign' | 'grantGetPublicKey'> => ({
  grantSign: (grantee) => grantee.allow({ actions: ['kms:Sign'], resources: [arn], conditions: { StringEquals: { 'kms:SigningAlgorithm': ALGORITHM } } }),
  grantGetPublicKey: (grantee) => grantee.allow({ actions: ['kms:DescribeKey', 'kms:GetPublicKey'], resources: [arn] }),
});
