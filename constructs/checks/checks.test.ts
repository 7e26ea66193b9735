/** The rule pack in a CDKTF app: aspects, suppressions, annotations; and over what the app wrote. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataAwsIamPolicyDocument } from '@cdktf/provider-aws/lib/data-aws-iam-policy-document/index.js';
import { EcsTaskDefinition } from '@cdktf/provider-aws/lib/ecs-task-definition/index.js';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy/index.js';
import { KmsKey } from '@cdktf/provider-aws/lib/kms-key/index.js';
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy/index.js';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block/index.js';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration/index.js';
import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket/index.js';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { Aspects, Fn, TerraformIterator, TerraformStack, TerraformVariable, Testing, type App } from 'cdktf';
import { Construct, type IConstruct } from 'constructs';
import { afterAll, describe, expect, test } from 'vitest';
import { ConstructError } from '../common/index.ts';
import {
  addChecks,
  ChecksError,
  evaluate,
  readStacks,
  RULES,
  suppress,
  TidemarkChecks,
  type Evaluation,
  type TidemarkChecksOptions,
} from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-checks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const REASON = 'Holds documents that everybody may read.';
const BUCKET_RULES = RULES.filter((rule) => /^TM-(?:S3|KMS|IAM|SG|ECS)-/.test(rule.id));

function stackIn(app: App, name = 'test'): TerraformStack {
  const stack = new TerraformStack(app, name);
  new AwsProvider(stack, 'aws', { region: 'eu-west-1' });
  return stack;
}

/** Synthesizes a stack with the rules and says what they found. */
function judged(build: (stack: TerraformStack) => void, options: TidemarkChecksOptions = {}): Evaluation {
  const app = Testing.app({ outdir: mkdtempSync(join(folder, 'out-')) });
  build(stackIn(app));
  const checks = addChecks(app, { rules: BUCKET_RULES, report: 'collect', ...options });
  app.synth();
  return checks.result();
}
const rulesOf = ({ findings }: Evaluation): string[] => [...new Set(findings.map((f) => f.rule))].sort();

/** A bucket that passes all but its access log. */
function goodBucket(scope: Construct): S3Bucket {
  const bucket = new S3Bucket(scope, 'bucket', { bucketPrefix: 'audit-' });
  const key = new KmsKey(scope, 'key', { enableKeyRotation: true });
  new S3BucketPublicAccessBlock(scope, 'access', {
    bucket: bucket.id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new S3BucketServerSideEncryptionConfigurationA(scope, 'encryption', {
    bucket: bucket.bucket,
    rule: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: key.arn } }],
  });
  const tls = new DataAwsIamPolicyDocument(scope, 'tls', {
    statement: [
      {
        effect: 'Deny',
        actions: ['s3:*'],
        resources: [bucket.arn, `${bucket.arn}/*`],
        principals: [{ type: '*', identifiers: ['*'] }],
        condition: [{ test: 'Bool', variable: 'aws:SecureTransport', values: ['false'] }],
      },
    ],
  });
  new S3BucketPolicy(scope, 'policy', { bucket: bucket.id, policy: tls.json });
  return bucket;
}

describe('constructs of the provider', () => {
  test('a bucket and its parts belong together by their references', () => {
    expect(rulesOf(judged((stack) => void goodBucket(stack)))).toEqual(['TM-S3-04', 'TM-S3-06']);
    expect(rulesOf(judged((stack) => void new S3Bucket(stack, 'bucket')))).toEqual([
      'TM-S3-01',
      'TM-S3-02',
      'TM-S3-03',
      'TM-S3-04',
      'TM-S3-06',
    ]);
  });
  test('what another aspect or an override changes is seen', () => {
    const build = (stack: TerraformStack): void => {
      const key = new KmsKey(stack, 'key');
      Aspects.of(stack).add({
        visit: (node: IConstruct) => void (node instanceof KmsKey && key.addOverride('enable_key_rotation', true)),
      });
    };
    expect(rulesOf(judged(build))).toEqual([]);
    expect(
      rulesOf(
        judged((stack) => void new KmsKey(stack, 'key', { enableKeyRotation: true }).addOverride('enable_key_rotation', false)),
      ),
    ).toEqual(['TM-KMS-01']);
  });
  test('policies in every way that CDKTF writes them', () => {
    const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
    const fine = (resource: string) => ({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: resource }],
    });
    expect(
      rulesOf(judged((stack) => void new IamRolePolicy(stack, 'p', { role: 'r', policy: JSON.stringify(everything) }))),
    ).toEqual(['TM-IAM-01']);
    expect(
      rulesOf(judged((stack) => void new IamRolePolicy(stack, 'p', { role: 'r', policy: Fn.jsonencode(everything) }))),
    ).toEqual(['TM-IAM-01']);
    expect(
      rulesOf(
        judged((stack) => {
          const bucket = goodBucket(stack);
          new IamRolePolicy(stack, 'text', { role: 'r', policy: JSON.stringify(fine(Fn.join('/', [bucket.arn, '*']))) });
          new IamRolePolicy(stack, 'encoded', { role: 'r', policy: Fn.jsonencode(fine(`${bucket.arn}/*`)) });
        }),
      ),
    ).toEqual(['TM-S3-04', 'TM-S3-06']);
    expect(
      judged(
        (stack) =>
          void new IamRolePolicy(stack, 'p', {
            role: 'r',
            policy: new TerraformVariable(stack, 'policy', { type: 'string' }).stringValue,
          }),
      ).findings,
    ).toMatchObject([{ rule: 'TM-IAM-11', undecided: true }]);
  });
  test('security groups in every way that CDKTF writes them', () => {
    const ports = { fromPort: 22, toPort: 22, protocol: 'tcp' };
    expect(
      rulesOf(judged((stack) => void new SecurityGroup(stack, 'g', { ingress: [{ ...ports, cidrBlocks: ['0.0.0.0/0'] }] }))),
    ).toEqual(['TM-SG-01', 'TM-SG-02']);
    expect(
      rulesOf(
        judged((stack) => {
          const each = TerraformIterator.fromList(['0.0.0.0/0']);
          new SecurityGroup(stack, 'g', { ingress: each.dynamic({ ...ports, cidrBlocks: [each.value] }) });
        }),
      ),
    ).toContain('TM-SG-01');
    expect(
      rulesOf(
        judged((stack) => {
          const group = new SecurityGroup(stack, 'g');
          const from = new TerraformVariable(stack, 'from', { type: 'string', default: '0.0.0.0/0' });
          new VpcSecurityGroupIngressRule(stack, 'i', {
            securityGroupId: group.id,
            ipProtocol: 'tcp',
            fromPort: 443,
            toPort: 443,
            cidrIpv4: from.stringValue,
          });
        }),
      ),
    ).toEqual(['TM-SG-01']);
  });
  test('containers are read through tokens', () => {
    const found = judged((stack) => {
      const digest = new TerraformVariable(stack, 'digest', {
        type: 'string',
        validation: [{ condition: '${can(regex("^sha256:[0-9a-f]{64}$", var.digest))}', errorMessage: 'a digest' }],
      });
      new EcsTaskDefinition(stack, 'task', {
        family: 'edge',
        networkMode: 'awsvpc',
        containerDefinitions: JSON.stringify([
          {
            name: 'edge',
            image: `repo@${digest.stringValue}`,
            user: '10001',
            readonlyRootFilesystem: true,
            logConfiguration: { logDriver: 'awslogs' },
            environment: [{ name: 'DB_PASSWORD', value: Fn.join('', ['a', digest.stringValue]) }],
          },
        ]),
      });
    });
    expect(found.findings).toMatchObject([{ rule: 'TM-ECS-04', value: 'DB_PASSWORD', path: 'test/task' }]);
  });
});

describe('in an app', () => {
  test('findings are errors of their construct, and nothing is synthesized', () => {
    const app = Testing.app({ outdir: mkdtempSync(join(folder, 'out-')) });
    new KmsKey(new Construct(stackIn(app), 'inner'), 'key');
    addChecks(app, { rules: BUCKET_RULES });
    expect(() => app.synth()).toThrow(
      /\[test\/inner\/key\] TM-KMS-01 \(medium\): aws_kms_key\.\w+: is not rotated\. Set enable_key_rotation true\./,
    );
  });
  test('lesser ones are warnings where one wants it so', () => {
    const app = Testing.app({ outdir: mkdtempSync(join(folder, 'out-')) });
    const key = new KmsKey(stackIn(app), 'key');
    const checks = addChecks(app, { rules: BUCKET_RULES, failFrom: 'high' });
    app.synth();
    expect(key.node.metadata.map((m) => m.type)).toContain('@cdktf/warn');
    expect(rulesOf(checks.result())).toEqual(['TM-KMS-01']);
  });
  test('of one stack, as an aspect', () => {
    const app = Testing.app({ outdir: mkdtempSync(join(folder, 'out-')) });
    const [one, two] = [stackIn(app, 'one'), stackIn(app, 'two')];
    for (const stack of [one, two]) new KmsKey(stack, 'key');
    const checks = new TidemarkChecks({ rules: BUCKET_RULES, report: 'collect' });
    Aspects.of(one).add(checks);
    Aspects.of(one).add(checks);
    app.synth();
    expect(checks.result().findings.map((f) => f.path)).toEqual(['one/key']);
  });
  test('a stack that was made after the call is not passed over in silence', () => {
    const app = Testing.app({ outdir: mkdtempSync(join(folder, 'out-')) });
    stackIn(app, 'one');
    addChecks(app, { rules: BUCKET_RULES });
    stackIn(app, 'late');
    expect(() => app.synth()).toThrow('late: was not judged by the rule pack');
  });
});

describe('suppressions', () => {
  test('of a construct hold for what is below it, and travel with the stack', () => {
    const app = Testing.app({ outdir: mkdtempSync(join(folder, 'out-')) });
    const stack = stackIn(app);
    const inner = new Construct(stack, 'inner');
    new KmsKey(inner, 'key');
    new KmsKey(stack, 'other');
    suppress(inner, 'TM-KMS-01', REASON);
    suppress(stack, 'TM-TF-02', REASON);
    const checks = addChecks(app, { report: 'collect' });
    app.synth();
    const inApp = checks.result();
    expect(inApp.suppressed.map((f) => [f.rule, f.path, f.suppressedAt])).toEqual([
      ['TM-KMS-01', 'test/inner/key', 'test/inner'],
      ['TM-TF-02', 'test/provider.aws', 'test'],
    ]);
    expect(inApp.findings.filter((f) => f.rule === 'TM-KMS-01').map((f) => f.path)).toEqual(['test/other']);
    expect(inner.node.metadata).toMatchObject([{ type: 'tidemark:suppression', data: { rule: 'TM-KMS-01', reason: REASON } }]);

    const { trees } = readStacks(app.outdir);
    const { findings, suppressed, passed } = evaluate(trees);
    expect({ findings, suppressed, passed }).toEqual({
      findings: inApp.findings,
      suppressed: inApp.suppressed,
      passed: inApp.passed,
    });
  });
  test('that are wrong are refused where they are written, with all that is wrong', () => {
    const app = Testing.app({ outdir: mkdtempSync(join(folder, 'out-')) });
    const stack = stackIn(app);
    expect(() => suppress(stack, 'TM-S3-99', 'because')).toThrow(ConstructError);
    expect(() => suppress(stack, 'TM-S3-99', 'because')).toThrow(
      /test: 2 mistakes:[\s\S]*at least 20 characters[\s\S]*"TM-S3-99", which is no rule; did you mean TM-S3-0/,
    );
    expect(() => suppress(stack, 'TM-S3-01', new TerraformVariable(stack, 'v', {}).stringValue)).toThrow('plain text');
    expect(() => suppress(app, 'TM-S3-01', REASON)).toThrow('stands above all stacks');
    app.synth();
    expect(readStacks(app.outdir).trees[0]?.suppressions).toEqual([]);
  });
  test("of a rule of one's own are checked when it is judged", () => {
    expect(() => judged((stack) => suppress(stack, 'OWN-1', REASON))).toThrow(ChecksError);
  });
});

describe('a folder', () => {
  const write = (name: string, content: string): string => {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  test('is one file, one stack, all stacks, or cdktf.out', () => {
    const file = write('app/stacks/a/cdk.tf.json', '{}');
    write('app/stacks/b/cdk.tf.json', '{"//": {"metadata": {"stackName": "bee"}}}');
    const names = (path: string): string[] => readStacks(path).trees.map((tree) => tree.stack);
    expect([names(file), names(join(file, '..')), names(join(folder, 'app', 'stacks')), names(join(folder, 'app'))]).toEqual([
      ['a'],
      ['a'],
      ['a', 'bee'],
      ['a', 'bee'],
    ]);
    expect(readStacks(file).digests).toEqual(readStacks(join(file, '..')).digests);
  });
  test('without stacks, or with some that cannot be read, is refused with all that is wrong', () => {
    expect(() => readStacks(join(folder, 'nothing'))).toThrow('no such file or folder');
    expect(() => readStacks(join(folder))).toThrow('holds no cdk.tf.json');
    write('bad/a/cdk.tf.json', '{');
    write('bad/b/cdk.tf.json', '[]');
    write('bad/c/cdk.tf.json', '{"//": {"metadata": {"stackName": "same"}}}');
    write('bad/d/cdk.tf.json', readFileSync(join(folder, 'bad/c/cdk.tf.json'), 'utf8'));
    expect(() => readStacks(join(folder, 'bad'))).toThrow(
      /3 mistakes:[\s\S]*JSON[\s\S]*b: is not a Terraform configuration[\s\S]*another stack named same/,
    );
  });
});

test('the example of the README synthesizes and passes', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const example = /```ts\n([\s\S]*?)```/
    .exec(readme)?.[1]
    ?.replace('tidemark/constructs/checks', pathToFileURL(join(import.meta.dirname, 'index.ts')).href);
  // Beside the packages that it imports.
  const cache = join(import.meta.dirname, '..', '..', 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const file = join(mkdtempSync(join(cache, 'tidemark-checks-')), 'example.mjs');
  writeFileSync(file, example ?? '');
  try {
    const outdir = join(folder, 'readme');
    execFileSync(process.execPath, [file], { env: { ...process.env, CDKTF_OUTDIR: outdir }, stdio: 'pipe' });
    expect(evaluate(readStacks(outdir).trees)).toMatchObject({ findings: [], suppressed: [{ rule: 'TM-TF-01' }] });
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
});

test('the core loads neither CDKTF nor Node', () => {
  const core = join(import.meta.dirname, 'core');
  const sources = readdirSync(core, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  expect(sources.length).toBeGreaterThan(20);
  for (const name of sources) {
    const imported = [
      ...readFileSync(join(core, name), 'utf8').matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)/gm),
    ].map((match) => match[1] ?? match[2]);
    expect(
      imported.filter((specifier) => !specifier?.startsWith('.')),
      name,
    ).toEqual([]);
  }
});
