import { of, type Example, type Examples } from './model.ts';

const backend = (kind: string, settings: Record<string, unknown>): Example => ({ terraform: { backend: { [kind]: settings } } });
const aws = (attributes: Record<string, unknown>): Example => ({ provider: { aws: [{ region: 'eu-west-1', ...attributes }] } });
const output = (name: string, attributes: Record<string, unknown>): Example => ({ output: { [name]: attributes } });
const queue = (attributes: Record<string, unknown>, provider?: Example['provider']): Example => ({
  ...of({ aws_sqs_queue: { q: attributes } }),
  ...(provider === undefined ? {} : { provider }),
});

export const TERRAFORM_EXAMPLES: Examples = {
  'TM-TF-01': {
    catches: [
      of({}),
      backend('local', { path: 'terraform.tfstate' }),
      backend('s3', { encrypt: true }),
      backend('s3', { use_lockfile: true }),
      backend('http', { address: 'https://x' }),
    ],
    passes: [
      backend('s3', { encrypt: true, use_lockfile: true }),
      backend('s3', { encrypt: true, dynamodb_table: 'locks' }),
      { terraform: { cloud: { organization: 'o' } } },
    ],
  },
  'TM-TF-02': {
    catches: [aws({}), { provider: { aws: [{ allowed_account_ids: ['111122223333'] }, { alias: 'global' }] } }],
    passes: [
      aws({ allowed_account_ids: ['111122223333'] }),
      aws({ assume_role: [{ role_arn: 'arn:aws:iam::111122223333:role/deploy' }] }),
    ],
  },
  'TM-TF-03': {
    catches: [aws({ access_key: 'AKIA', secret_key: 'x' }), aws({ token: '${var.token}' })],
    passes: [aws({ profile: 'clearing' })],
  },
  'TM-TF-04': {
    catches: [
      output('db_password', { value: 'x' }),
      output('p', { value: '${random_password.p.result}' }),
      output('code', { value: '${aws_ssm_activation.a.activation_code}', sensitive: false }),
    ],
    passes: [
      output('db_password', { value: 'x', sensitive: true }),
      output('vpc_id', { value: '${aws_vpc.v.id}' }),
      output('token_arn', { value: '${aws_secretsmanager_secret.t.arn}' }),
    ],
  },
  'TM-TF-05': {
    catches: [of({ aws_instance: { i: { provisioner: [{ 'local-exec': { command: 'ls' } }] } } })],
    passes: [of({ aws_instance: { i: { provisioner: [] } } })],
  },
  'TM-TF-06': {
    catches: [
      aws({ insecure: true }),
      aws({ endpoints: [{ s3: 'http://127.0.0.1:5000' }] }),
      aws({ skip_credentials_validation: true }),
    ],
    passes: [aws({}), aws({ endpoints: { s3: 'https://s3.eu-west-1.amazonaws.com' } })],
  },
  'TM-TAG-01': {
    catches: [
      queue({}),
      queue({ provider: 'aws.global' }, { aws: [{ default_tags: [{ tags: { a: 'b' } }] }, { alias: 'global' }] }),
    ],
    passes: [
      queue({ tags: { a: 'b' } }),
      queue({}, { aws: { default_tags: { tags: { a: 'b' } } } }),
      queue({ tags: '${var.tags}' }),
      queue({ provider: 'aws.global' }, { aws: [{}, { alias: 'global', default_tags: [{ tags: { a: 'b' } }] }] }),
    ],
  },
};
