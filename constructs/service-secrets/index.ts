/**
 * The secrets that the services of one stack read: keys, tokens, certificates. Terraform makes the empty containers with their
 * encryption and policies; `tidemark keys push` fills them, so that no secret is ever in a definition, a plan or a state.
 */
import { DataAwsSecretsmanagerSecret } from '@cdktf/provider-aws/lib/data-aws-secretsmanager-secret/index.js';
import { DataAwsSecretsmanagerSecretVersions } from '@cdktf/provider-aws/lib/data-aws-secretsmanager-secret-versions/index.js';
import { SecretsmanagerSecret } from '@cdktf/provider-aws/lib/secretsmanager-secret/index.js';
import { Construct } from 'constructs';
import { secretName } from '../../platform/secrets.ts';
import { check, ConstructError, policyJson, type Grantee, type SettingValue, type StackId, type Statement } from '../common/index.ts';
import { RECOVERY_DAYS, SERVICE_SECRETS_DEFAULTS } from './defaults.ts';

export { SERVICE_SECRETS_DEFAULTS } from './defaults.ts';

export interface ServiceSecretsProps {
  /** The stack that they belong to: part of their names. */
  readonly stack: StackId;
  /** What each one holds, as `tidemark keys create` calls it: `key`, `tls-key`, `token`. */
  readonly settings: readonly string[];
  /** Customer key that encrypts them; whoever reads one is granted its use as well. */
  readonly encryptionKeyArn: string;
  /** The account that they live in: nobody of another one reads them, whatever its own policies say. */
  readonly accountId: string;
  /** Days for which a deleted secret can be brought back, 7 to 30. 0: gone at once, and its name is free again. @default 30 */
  readonly recoveryDays?: number;
  /**
   * Whether what uses one of them (`setting`) is made only when it has a value; until then an apply stops there and says what to
   * do, instead of starting tasks that cannot start. @default true
   */
  readonly mustBeFilled?: boolean;
}

export interface ExistingSecretsProps extends Pick<ServiceSecretsProps, 'stack' | 'settings' | 'encryptionKeyArn'> {}

/** As a container's setting. */
export type SecretSetting = Extract<SettingValue, { readonly secretArn: string }>;

/** Secrets by what they hold, made here or found. */
export interface SecretSet {
  /** By what they hold. */
  readonly arns: Readonly<Record<string, string>>;
  /** @throws ConstructError when there is none of this name */
  readonly arn: (what: string) => string;
  /** For a container that reads it: `settings: { key: secrets.setting('key') }`. */
  readonly setting: (what: string) => SecretSetting;
  /** Lets `grantee` read these, or all of them. */
  readonly grantRead: (grantee: Grantee, ...what: readonly string[]) => void;
}

export class ServiceSecrets extends Construct implements SecretSet {
  readonly arns: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, SecretsmanagerSecret>>;
  readonly #set: SecretSet;
  readonly #filled: ReadonlyMap<string, string>;

  constructor(scope: Construct, id: string, props: ServiceSecretsProps) {
    super(scope, id);
    const recoveryDays = props.recoveryDays ?? SERVICE_SECRETS_DEFAULTS.recoveryDays;
    check(this, (m) => {
      checkSettings(m.add, props.settings);
      if (recoveryDays !== 0) m.range('recoveryDays', recoveryDays, RECOVERY_DAYS.least, RECOVERY_DAYS.most, 'days (or 0)');
    });
    this.secrets = Object.fromEntries(props.settings.map((what) => [what, new SecretsmanagerSecret(this, what.replaceAll('/', '-'), {
      name: secretName(props.stack, what),
      description: `Tidemark: ${what} of ${props.stack.kind === 'global' ? 'the control plane' : props.stack.id}; filled by \`tidemark keys push\``,
      kmsKeyId: props.encryptionKeyArn,
      recoveryWindowInDays: recoveryDays,
      policy: policyJson(guards(props.accountId)),
    })]));
    this.arns = Object.fromEntries(Object.entries(this.secrets).map(([what, secret]) => [what, secret.arn]));
    this.#set = secretSet(this, this.arns, props.encryptionKeyArn);
    this.#filled = new Map(props.mustBeFilled === false ? [] : Object.entries(this.secrets).map(([what, secret]) => [what, this.#onceFilled(what, secret)]));
  }

  readonly arn = (what: string): string => this.#set.arn(what);
  readonly setting = (what: string): SecretSetting => ({ secretArn: this.#filled.get(what) ?? this.arn(what) });
  readonly grantRead = (grantee: Grantee, ...what: readonly string[]): void => this.#set.grantRead(grantee, ...what);

  /** The secret's ARN, known when it has a value. Only ids of versions are read: a value would end up in the state. */
  #onceFilled(what: string, secret: SecretsmanagerSecret): string {
    return new DataAwsSecretsmanagerSecretVersions(this, `${what}-filled`, {
      secretId: secret.id,
      lifecycle: {
        postcondition: [{
          condition: '${try(length(self.versions), 0) > 0}',
          errorMessage: `The secret ${secret.nameInput} has no value yet. Give it one with the commands that \`tidemark keys push DIR\` prints, then apply again.`,
        }],
      },
    }).secretId;
  }

  /** Secrets that another stack, or somebody by hand, made under the kit's names. */
  static fromNames(scope: Construct, id: string, props: ExistingSecretsProps): SecretSet {
    const holder = new Construct(scope, id);
    check(holder, (m) => checkSettings(m.add, props.settings));
    const arns = Object.fromEntries(props.settings.map((what) => [
      what, new DataAwsSecretsmanagerSecret(holder, what.replaceAll('/', '-'), { name: secretName(props.stack, what) }).arn,
    ]));
    return secretSet(holder, arns, props.encryptionKeyArn);
  }
}

function checkSettings(add: (mistake: string) => void, settings: readonly string[]): void {
  if (settings.length === 0) add('settings: expected at least one, got none');
  for (const what of settings) {
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(what)) add(`settings: expected names in kebab case such as region-key, got ${JSON.stringify(what)}`);
  }
  const twice = settings.filter((what, i) => settings.indexOf(what) !== i);
  if (twice.length > 0) add(`settings: ${[...new Set(twice)].join(', ')} named twice; name each once`);
}

/** What holds for every secret, beside what identities are allowed. */
const guards = (accountId: string): Statement[] => [
  {
    sid: 'OnlyOverTls', effect: 'Deny', principals: { AWS: '*' }, actions: ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'], resources: ['*'],
    conditions: { Bool: { 'aws:SecureTransport': 'false' } },
  },
  {
    sid: 'OnlyThisAccount', effect: 'Deny', principals: { AWS: '*' }, actions: ['secretsmanager:GetSecretValue'], resources: ['*'],
    conditions: { StringNotEquals: { 'aws:PrincipalAccount': accountId } },
  },
];

function secretSet(holder: Construct, arns: Readonly<Record<string, string>>, encryptionKeyArn: string): SecretSet {
  const arn = (what: string): string => {
    const found = arns[what];
    if (found === undefined) throw new ConstructError(holder.node.path, [`no secret ${JSON.stringify(what)}; there are ${Object.keys(arns).join(', ')}`]);
    return found;
  };
  return {
    arns, arn,
    setting: (what) => ({ secretArn: arn(what) }),
    grantRead: (grantee, ...what) => {
      const wanted = what.length === 0 ? Object.values(arns) : what.map(arn);
      grantee.allow({ actions: ['secretsmanager:GetSecretValue'], resources: wanted });
      // The key opens nothing but these secrets, and only through Secrets Manager.
      grantee.allow({
        actions: ['kms:Decrypt'], resources: [encryptionKeyArn],
        conditions: { StringLike: { 'kms:ViaService': 'secretsmanager.*.amazonaws.com' }, StringEquals: { 'kms:EncryptionContext:SecretARN': wanted } },
      });
    },
  };
}
