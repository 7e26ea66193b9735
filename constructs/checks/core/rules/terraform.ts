/** How the stack itself is deployed: state, providers, outputs, provisioners, tags. */
import type { Rule } from '../model.ts';
import { isSecretName, secretIn } from '../secrets.ts';
import { providerOf, tagsOf } from '../tags.ts';
import { absent, block, blocks, mustBeSet, mustBeTrue, problem, truth } from '../values.ts';

const AWS = ['provider.aws'];
/** Backends that encrypt and lock by themselves, as their documentation says. */
const MANAGED_BACKENDS = ['backend.cloud', 'backend.remote', 'backend.gcs', 'backend.azurerm'];

/** What people look for by owner and cost, and what carries tags in all AWS regions. */
const TAGGED = [
  'aws_vpc',
  'aws_subnet',
  'aws_security_group',
  'aws_instance',
  'aws_ebs_volume',
  'aws_lb',
  'aws_ecs_cluster',
  'aws_ecs_service',
  'aws_ecs_task_definition',
  'aws_ecr_repository',
  'aws_rds_cluster',
  'aws_rds_cluster_instance',
  'aws_db_instance',
  'aws_s3_bucket',
  'aws_kms_key',
  'aws_secretsmanager_secret',
  'aws_sns_topic',
  'aws_sqs_queue',
  'aws_cloudwatch_log_group',
  'aws_cloudwatch_metric_alarm',
  'aws_dynamodb_table',
  'aws_efs_file_system',
  'aws_iam_role',
  'aws_wafv2_web_acl',
];

/** Attributes of other resources that are secret whatever they are called where they are used. */
const SECRET_ATTRIBUTES = [
  /\brandom_password\.[\w-]+\.(?:result|bcrypt_hash)\b/,
  /\btls_private_key\.[\w-]+\.private_key\w*/,
  /\baws_iam_access_key\.[\w-]+\.(?:secret|ses_smtp_password_v4)\b/,
  /\bdata\.aws_secretsmanager_secret_version\.[\w-]+\.secret_\w+/,
  /\baws_ssm_activation\.[\w-]+\.activation_code\b/,
];

export const TERRAFORM_RULES: readonly Rule[] = [
  {
    id: 'TM-TF-01',
    severity: 'high',
    controls: ['CC6.1', 'CC8.1', 'A1.2'],
    types: [
      'backend.local',
      'backend.s3',
      'backend.http',
      'backend.consul',
      'backend.pg',
      'backend.cos',
      'backend.oss',
      'backend.kubernetes',
      ...MANAGED_BACKENDS,
    ],
    what: 'State is kept away from the laptop, encrypted, and locked.',
    why: 'It holds every value of the deployment; two who apply at once, or a lost disk, leave resources that nobody knows.',
    fix: 'Use the s3 backend with encrypt and use_lockfile true; in tidemark.config.ts: deploy.state.',
    check: ({ type, attributes }) => {
      if (type === 'backend.local') return [problem('state is a file on the machine that deploys')];
      if (type === 'backend.s3') {
        const locked = truth(attributes['use_lockfile']) === true || !absent(attributes['dynamodb_table']);
        return [
          ...mustBeTrue(attributes['encrypt'], 'state is not encrypted'),
          ...(locked ? [] : [problem('state is not locked (use_lockfile)')]),
        ];
      }
      return MANAGED_BACKENDS.includes(type) ? [] : [problem('it cannot be told whether state is encrypted and locked', type)];
    },
  },
  {
    id: 'TM-TF-02',
    severity: 'medium',
    controls: ['CC6.3', 'CC8.1'],
    types: AWS,
    what: 'A provider works in the account it is meant for and in no other.',
    why: 'Credentials of another account in the shell would build, or destroy, there.',
    fix: 'Set allowed_account_ids; in tidemark.config.ts: deploy.accountId.',
    check: (provider) =>
      blocks(provider, 'assume_role').some((role) => !absent(role['role_arn']))
        ? []
        : mustBeSet(provider.attributes['allowed_account_ids'], 'takes any account'),
  },
  {
    id: 'TM-TF-03',
    severity: 'high',
    controls: ['CC6.1', 'C1.1'],
    types: AWS,
    what: "A provider's credentials are not in the configuration.",
    why: 'They would stand in the repository and in every plan.',
    fix: 'Take access_key, secret_key and token away: environment, profile or role.',
    check: ({ attributes }) =>
      ['access_key', 'secret_key', 'token'].filter((name) => !absent(attributes[name])).map((name) => problem(`${name} is set`)),
  },
  {
    id: 'TM-TF-04',
    severity: 'medium',
    controls: ['CC6.1', 'C1.1'],
    types: ['output'],
    what: 'An output that holds a secret is marked as sensitive.',
    why: 'Terraform prints outputs, and pipelines keep what it prints.',
    fix: 'Set sensitive true; better, give the ARN of the secret out.',
    check: ({ address, attributes }) => {
      if (truth(attributes['sensitive']) === true) return [];
      const value = attributes['value'];
      const held =
        secretIn(value) !== null || (typeof value === 'string' && SECRET_ATTRIBUTES.some((pattern) => pattern.test(value)));
      return held || isSecretName(address) ? [problem('is printed in plain text')] : [];
    },
  },
  {
    id: 'TM-TF-05',
    severity: 'medium',
    controls: ['CC8.1'],
    types: ['*'],
    applies: ({ attributes }) => attributes['provisioner'] !== undefined,
    what: 'Resources are made by providers, not by scripts beside them.',
    why: "What a provisioner does is in no plan and no state, and runs with the deployer's rights.",
    fix: 'Take the provisioner away: user data, a Systems Manager association, or a resource of its own.',
    check: (resource) => blocks(resource, 'provisioner').map((p) => problem('runs a provisioner', Object.keys(p).join(', '))),
  },
  {
    id: 'TM-TF-06',
    severity: 'low',
    controls: ['CC6.7', 'CC8.1'],
    types: AWS,
    what: 'A provider talks to AWS by TLS, and checks whom it talks to.',
    why: 'Settings for emulators are easily left behind: plain HTTP, no check of certificates or credentials.',
    fix: 'Take insecure, endpoints with http:// and skip_credentials_validation away; an override file beside the stack is the place for them.',
    check: (provider) => [
      ...['insecure', 'skip_credentials_validation', 'skip_requesting_account_id']
        .filter((name) => truth(provider.attributes[name]) === true)
        .map((name) => problem(`${name} is set`)),
      ...blocks(provider, 'endpoints')
        .flatMap((endpoints) => Object.values(endpoints))
        .filter((url) => typeof url === 'string' && url.startsWith('http://'))
        .map((url) => problem('has an endpoint without TLS', url)),
    ],
  },
  {
    id: 'TM-TAG-01',
    severity: 'low',
    controls: ['CC8.1', 'CC7.2'],
    types: TAGGED,
    what: 'Resources carry tags, among them those that the organisation asks for.',
    why: 'Whose it is, what it costs and what it belongs to is asked when something happens.',
    fix: 'Set default_tags on the provider.',
    check: (resource, tree, { requiredTags }) => {
      const tags = tagsOf(resource, tree);
      if (Object.keys(tags).length === 0) {
        const expression = [
          resource.attributes['tags'],
          block(providerOf(resource, tree) ?? resource, 'default_tags')['tags'],
        ].some((v) => typeof v === 'string');
        return expression && requiredTags.length === 0 ? [] : [problem('carries no tags')];
      }
      return requiredTags.filter((name) => !Object.hasOwn(tags, name)).map((name) => problem(`lacks the tag ${name}`, name));
    },
  },
];
