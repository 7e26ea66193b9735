import { TerraformOutput, TerraformVariable, type TerraformStack } from 'cdktf';
import { describe, expect, test } from 'vitest';
import { ConstructError, type Grantee, type Statement } from '../common/index.ts';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { ecrRegistry, EMPTY_LOCK, ServiceImage, type ImageLock, type ServiceImageRef } from './index.ts';

const digest = `sha256:${'a'.repeat(64)}` as const;
const other = `sha256:${'b'.repeat(64)}` as const;
const lock: ImageLock = {
  built: { 'tidemark/edge-node': { digest, source: other, version: '1', platforms: { 'linux/amd64': { digest, size: 1, base: other, sbom: other } } } },
  pinned: { nats: { repository: 'public.ecr.aws/docker/library/nats', digest: other } },
};
const account = '123456789012';
const registry = ecrRegistry(account, 'eu-west-1');

const recorder = (): Grantee & { statements: Statement[] } => {
  const statements: Statement[] = [];
  return { statements, allow: (s) => void statements.push(s) };
};
/** The image as an output of the stack, as Terraform sees it. */
const uriOf = (build: (stack: TerraformStack) => ServiceImageRef): { uri: string; synthesized: Synthesized } => {
  const synthesized = synthStack((stack) => {
    new TerraformOutput(stack, 'uri', { value: build(stack).imageUri });
  });
  return { uri: ((synthesized.json['output'] as Record<string, { value: string }>)['uri']!).value, synthesized };
};
const mistakesOf = (build: (stack: TerraformStack) => unknown): readonly string[] => {
  try {
    synthStack((stack) => void build(stack));
  } catch (error) {
    if (error instanceof ConstructError) return error.mistakes;
    throw error;
  }
  return [];
};

describe('a repository', () => {
  const { uri, synthesized } = uriOf((stack) => new ServiceImage(stack, 'edge', { name: 'tidemark/edge-node', lock }));

  test('has immutable tags, scans, encrypts, and is kept while it holds images', () => {
    expect(synthesized.only('aws_ecr_repository')).toEqual({
      name: 'tidemark/edge-node', image_tag_mutability: 'IMMUTABLE', force_delete: false,
      image_scanning_configuration: { scan_on_push: true }, encryption_configuration: [{ encryption_type: 'AES256' }],
    });
  });

  test('the image is the one of the lock, and no variable is needed', () => {
    expect(uri).toMatch(new RegExp(`^\\$\\{aws_ecr_repository\\.\\w+\\.repository_url\\}@${digest}$`));
    expect(synthesized.json['variable']).toBeUndefined();
  });

  test('deletes tagged images beyond the newest only: what has no tag may be part of one that has', () => {
    const { rules } = JSON.parse(synthesized.only('aws_ecr_lifecycle_policy')['policy'] as string) as { rules: { selection: object }[] };
    expect(rules.map((r) => r.selection)).toEqual([{ tagStatus: 'tagged', tagPatternList: ['*'], countType: 'imageCountMoreThan', countNumber: 500 }]);
  });

  test('has a policy when other accounts fetch: they may fetch and nothing else', () => {
    expect(synthesized.resources('aws_ecr_repository_policy')).toEqual([]);
    const shared = synthStack((stack) => void new ServiceImage(stack, 'x', { name: 'a/b', pullAccountIds: [account, '210987654321'] }));
    const { Statement: [statement] } = JSON.parse(shared.only('aws_ecr_repository_policy')['policy'] as string) as { Statement: Record<string, unknown>[] };
    expect(statement).toEqual({
      Sid: 'Pull', Effect: 'Allow', Principal: { AWS: [`arn:aws:iam::${account}:root`, 'arn:aws:iam::210987654321:root'] },
      Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
    });
  });

  test('a key of one\'s own, other counts', () => {
    const kmsKeyArn = `arn:aws:kms:eu-west-1:${account}:key/1`;
    const own = synthStack((stack) => void new ServiceImage(stack, 'x', { name: 'a/b', kmsKeyArn, keepImages: 7, scanOnPush: false, tags: { a: 'b' } }));
    expect(own.only('aws_ecr_repository')).toMatchObject({
      encryption_configuration: [{ encryption_type: 'KMS', kms_key: kmsKeyArn }], image_scanning_configuration: { scan_on_push: false }, tags: { a: 'b' },
    });
    expect(own.only('aws_ecr_lifecycle_policy')['policy']).toContain('"countNumber":7');
  });

  test('all mistakes at once, with the path', () => {
    const found = mistakesOf((stack) => new ServiceImage(stack, 'x', { name: 'Edge Node', keepImages: 1, kmsKeyArn: 'alias/x', pullAccountIds: ['12'] }));
    expect(found.map((m) => m.split(':')[0])).toEqual(['name', 'keepImages', 'kmsKeyArn', 'pullAccountIds[0]']);
  });

  test('push and pull are granted on this repository, logging in on the registry', () => {
    const [puller, pusher] = [recorder(), recorder()];
    let arn = '';
    synthStack((stack) => {
      const image = new ServiceImage(stack, 'x', { name: 'a/b' });
      arn = image.repositoryArn;
      image.grantPull(puller);
      image.grantPush(pusher);
    });
    const login = { actions: ['ecr:GetAuthorizationToken'], resources: ['*'] };
    expect(puller.statements).toEqual([{ actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'], resources: [arn] }, login]);
    expect(pusher.statements[0]?.actions).toContain('ecr:PutImage');
    expect(pusher.statements[0]?.actions).not.toContain('ecr:BatchDeleteImage');
    expect(pusher.statements[1]).toEqual(login);
  });
});

describe('an image without a digest', () => {
  test.each([['no lock', undefined], ['a lock without it', EMPTY_LOCK]])('%s: a variable that has to be given, and has to be a digest', (_name, without) => {
    const { uri, synthesized } = uriOf((stack) => ServiceImage.fromLock(stack, 'edge', { name: 'tidemark/edge-node', lock: without, registry }));
    expect(uri).toBe(`${registry}/tidemark/edge-node@\${var.edge_node_digest}`);
    expect(synthesized.json['variable']).toEqual({
      edge_node_digest: expect.objectContaining({
        type: 'string', nullable: false,
        validation: [expect.objectContaining({ condition: '${can(regex("^sha256:[0-9a-f]{64}$", var.edge_node_digest))}' })],
      }) as unknown,
    });
    expect((synthesized.json['variable'] as Record<string, object>)['edge_node_digest']).not.toHaveProperty('default');
  });

  test('one variable for all who use the image in a stack, and one warning', () => {
    synthStack((stack) => {
      const uris = ['a', 'b', 'c'].map((id) => ServiceImage.fromLock(stack, id, { name: 'nats' }).imageUri);
      expect(uris).toHaveLength(3);
      expect(stack.node.children.filter((c) => c instanceof TerraformVariable).map((c) => c.node.id)).toEqual(['nats_digest']);
      const warnings = stack.node.metadata.filter((m) => String(m.type).includes('warn')).map((m) => String(m.data));
      expect(warnings).toEqual([expect.stringMatching(/no digest of nats.*variable nats_digest.*tidemark images pin nats /)]);
    });
  });

  test('a repository whose image nobody runs needs none', () => {
    const synthesized = synthStack((stack) => void new ServiceImage(stack, 'x', { name: 'tidemark/edge-node' }));
    expect(synthesized.json['variable']).toBeUndefined();
  });
});

describe('an image from the lock', () => {
  test('one of the kit\'s own is in the registry that is given', () =>
    expect(uriOf((stack) => ServiceImage.fromLock(stack, 'x', { name: 'tidemark/edge-node', lock, registry })).uri).toBe(`${registry}/tidemark/edge-node@${digest}`));

  test('one of others is where it was pinned, or in a cache of that', () => {
    expect(uriOf((stack) => ServiceImage.fromLock(stack, 'x', { name: 'nats', lock })).uri).toBe(`public.ecr.aws/docker/library/nats@${other}`);
    expect(uriOf((stack) => ServiceImage.fromLock(stack, 'x', { name: 'nats', lock, registry: `${registry}/cache` })).uri).toBe(`${registry}/cache/docker/library/nats@${other}`);
  });

  test('without a registry for one of the kit\'s own it says what to give', () =>
    expect(mistakesOf((stack) => ServiceImage.fromLock(stack, 'x', { name: 'tidemark/edge-node', lock }))).toEqual([expect.stringMatching(/^registry: needed.*ecrRegistry/)]));

  test.each([
    [registry, `arn:aws:ecr:eu-west-1:${account}:repository/tidemark/edge-node`],
    [ecrRegistry(account, 'cn-north-1'), `arn:aws-cn:ecr:cn-north-1:${account}:repository/tidemark/edge-node`],
    [ecrRegistry(account, 'us-gov-west-1'), `arn:aws-us-gov:ecr:us-gov-west-1:${account}:repository/tidemark/edge-node`],
    ['registry.example.com', undefined],
  ])('%s: who starts it may fetch it', (host, arn) => {
    const grantee = recorder();
    synthStack((stack) => {
      const image = ServiceImage.fromLock(stack, 'x', { name: 'tidemark/edge-node', lock, registry: host });
      expect(image.repositoryArn).toBe(arn);
      image.grantPull(grantee);
    });
    expect(grantee.statements.flatMap((s) => s.resources)).toEqual(arn === undefined ? [] : [arn, '*']);
  });

  test('an account that is known at apply time only is in the ARN all the same', () => {
    const grantee = recorder();
    const { synthesized } = uriOf((stack) => {
      const image = ServiceImage.fromLock(stack, 'x', {
        name: 'tidemark/edge-node', lock, registry: ecrRegistry(new TerraformVariable(stack, 'account', {}).stringValue, 'eu-west-1'),
      });
      image.grantPull(grantee);
      new TerraformOutput(stack, 'arn', { value: grantee.statements[0]?.resources[0] });
      return image;
    });
    expect((synthesized.json['output'] as Record<string, { value: string }>)['arn']?.value).toBe('arn:aws:ecr:eu-west-1:${var.account}:repository/tidemark/edge-node');
  });

  test('a registry that is known at apply time only needs the ARN, and says so when fetching is granted', () => {
    synthStack((stack) => {
      const host = new TerraformVariable(stack, 'registry', {}).stringValue;
      const image = ServiceImage.fromLock(stack, 'x', { name: 'tidemark/edge-node', lock, registry: host });
      expect(() => image.grantPull(recorder())).toThrow(/test\/x: repositoryArn: needed/);
      const grantee = recorder();
      ServiceImage.fromLock(stack, 'y', { name: 'tidemark/edge-node', lock, registry: host, repositoryArn: 'arn:x' }).grantPull(grantee);
      expect(grantee.statements[0]?.resources).toEqual(['arn:x']);
    });
  });
});

describe('an image by its URI', () => {
  test('has its ARN when it is in ECR', () => synthStack((stack) => {
    const image = ServiceImage.fromUri(stack, 'x', { uri: `${registry}/team/app@${digest}` });
    expect([image.imageUri, image.repositoryArn]).toEqual([`${registry}/team/app@${digest}`, `arn:aws:ecr:eu-west-1:${account}:repository/team/app`]);
  }));

  test.each(['nginx', `${registry}/team/app:latest`, `app@${digest}`, `${registry}/app@sha256:1`])('%s is refused: it is not by digest', (uri) =>
    expect(mistakesOf((stack) => ServiceImage.fromUri(stack, 'x', { uri }))).toEqual([expect.stringMatching(/^uri: expected an image by digest/)]));

  test('that is known at apply time only stays as it is', () => synthStack((stack) => {
    const uri = new TerraformVariable(stack, 'image', {}).stringValue;
    expect(ServiceImage.fromUri(stack, 'x', { uri }).imageUri).toBe(uri);
  }));
});
