/** Stacks in the shapes that they come in, wrong ones and hostile ones; suppressions; rules of one's own. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChecksError, evaluate, readStack, type Resource, type Rule, type Tree } from './index.ts';
import { blocks } from './values.ts';

const only = (tree: Tree, type: string): Resource => tree.ofType(type)[0]!;

describe('stacks', () => {
  test('blocks are the same blocks, written once, in a list or as dynamic', () => {
    const rules = { from_port: 1, to_port: 1 };
    for (const written of [
      { ingress: rules },
      { ingress: [rules] },
      { dynamic: { ingress: { for_each: [1], content: { from_port: '${ingress.value}', to_port: 1 } } } },
      {
        dynamic: {
          ingress: { for_each: { a: { port: 1 } }, iterator: 'it', content: { from_port: '${it.value.port}', to_port: 1 } },
        },
      },
    ]) {
      const tree = readStack('s', { resource: { aws_security_group: { g: written } } });
      expect(blocks(only(tree, 'aws_security_group'), 'ingress'), JSON.stringify(written)).toEqual([rules]);
    }
  });
  test('dynamic blocks over what is not known are one block with what is known of it', () => {
    const dynamic = { ingress: { for_each: '${var.ports}', content: { from_port: '${ingress.value}', protocol: 'tcp' } } };
    const tree = readStack('s', { resource: { aws_security_group: { g: { ingress: [{ from_port: 1 }], dynamic } } } });
    expect(blocks(only(tree, 'aws_security_group'), 'ingress')).toEqual([
      { from_port: 1 },
      { from_port: '${ingress.value}', protocol: 'tcp' },
    ]);
  });
  test('paths are those of the constructs, else stack and address', () => {
    const tree = readStack('edge', {
      '//': { metadata: { stackName: 'edge' } },
      resource: { aws_s3_bucket: { a: { '//': { metadata: { path: 'edge/store/bucket' } } }, b: {} } },
      provider: { aws: [{}, { alias: 'global' }] },
      output: { o: { value: 1 } },
    });
    expect(tree.resources.map((r) => [r.address, r.path])).toEqual([
      ['aws_s3_bucket.a', 'edge/store/bucket'],
      ['aws_s3_bucket.b', 'edge/aws_s3_bucket.b'],
      ['provider.aws', 'edge/provider.aws'],
      ['provider.aws.global', 'edge/provider.aws.global'],
      ['backend.local', 'edge/backend.local'],
      ['output.o', 'edge/output.o'],
    ]);
    expect(only(tree, 'aws_s3_bucket').attributes).toEqual({});
  });
  test('references are followed through others, and names count as they are written', () => {
    const tree = readStack('s', {
      locals: { b: '${aws_s3_bucket.b.id}' },
      resource: {
        aws_s3_bucket: { b: { bucket: 'audit' }, other: { bucket: 'audit-2' } },
        aws_s3_bucket_acl: {
          direct: { bucket: '${aws_s3_bucket.b.bucket}' },
          through: { bucket: '${aws_s3_bucket_acl.direct.id}' },
          local: { bucket: '${local.b}' },
          name: { bucket: 'audit' },
          none: { bucket: 'x' },
        },
      },
    });
    const bucket = tree.at('aws_s3_bucket.b')!;
    expect(tree.companions('aws_s3_bucket_acl', 'bucket', bucket).map((r) => r.address.split('.')[1])).toEqual([
      'direct',
      'through',
      'local',
      'name',
    ]);
    expect(tree.companions('aws_s3_bucket_acl', 'bucket', tree.at('aws_s3_bucket.other')!)).toEqual([]);
  });
  test('resources that refer to each other in a circle are followed once', () => {
    const tree = readStack('s', { resource: { aws_a_b: { x: { id: '${aws_a_b.y.id}' }, y: { id: '${aws_a_b.x.id}' } } } });
    expect(tree.follow('${aws_a_b.x.id}').map((r) => r.address)).toEqual(['aws_a_b.x', 'aws_a_b.y']);
  });
  test.each([[null], [7], ['{}'], [[]]])('%j is no stack', (json) => expect(() => readStack('s', json)).toThrow(ChecksError));
  test('nesting without end is refused', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 50_000; i += 1) deep = [deep];
    expect(() => readStack('s', { locals: { deep } })).toThrow('nested more than');
  });
  test("names of objects' own properties are names like others", () => {
    const json = JSON.parse(
      '{"resource": {"aws_s3_bucket": {"__proto__": {"bucket": "b", "constructor": {}}, "toString": {}}, "__proto__": {"x": {"y": 1}}}}',
    ) as unknown;
    const tree = readStack('s', json);
    expect(tree.resources.map((r) => r.address)).toContain('aws_s3_bucket.__proto__');
    expect(() => evaluate([tree])).not.toThrow();
  });
  test('whatever stands in a stack, judging it ends with an evaluation', () => {
    const types = [
      'aws_s3_bucket',
      'aws_iam_role',
      'aws_security_group',
      'aws_ecs_task_definition',
      'aws_instance',
      'aws_lb',
      'aws_lb_listener',
      'aws_cloudwatch_metric_alarm',
      'aws_rds_cluster',
      'aws_wafv2_web_acl',
    ];
    const names = [
      'policy',
      'ingress',
      'bucket',
      'container_definitions',
      'assume_role_policy',
      'dynamic',
      'rule',
      'default_action',
      'alarm_actions',
      'tags',
      'user_data',
      'for_each',
      'lifecycle',
      'provider',
      '//',
    ];
    const leaf = fc.oneof(
      fc.constantFrom<unknown>(
        '${aws_s3_bucket.x.id}',
        '${',
        '*',
        null,
        true,
        0,
        -1,
        '',
        '{"Statement": [{}]}',
        '[{"environment": [{}, 1], "image": 1}]',
        '0.0.0.0/0',
      ),
      fc.string(),
      fc.double(),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), tie('any'), { maxKeys: 3 }),
      ),
    })).any;
    const body = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 5 });
    const stack = fc.record({
      resource: fc.dictionary(fc.constantFrom(...types), fc.dictionary(fc.constantFrom('x', 'y'), body)),
      provider: value,
      terraform: value,
      locals: value,
      output: value,
      variable: value,
    });
    fc.assert(
      fc.property(stack, (json) => {
        const { passed, findings, rules } = evaluate([readStack('s', json)]);
        expect(passed + rules.reduce((n, r) => n + r.failed, 0)).toBe(rules.reduce((n, r) => n + r.evaluated, 0));
        expect(findings.every((f) => f.message.length > 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('suppressions', () => {
  const rule: Rule = {
    id: 'OWN-1',
    what: 'w',
    why: 'w',
    fix: 'f',
    severity: 'low',
    controls: ['CC6.1'],
    types: ['aws_s3_bucket'],
    check: ({ attributes }) => [
      { message: 'no', value: 'a' },
      { message: 'no', value: String(attributes['bucket']) },
    ],
  };
  const at = (path: string) => ({ '//': { metadata: { path } } });
  const stack = (...suppressions: unknown[]) => ({
    '//': { tidemark: { suppressions } },
    resource: { aws_s3_bucket: { x: { bucket: 'b', ...at('s/one/bucket') }, y: { bucket: 'b', ...at('s/one-more/bucket') } } },
  });
  const reason = 'it holds what everybody may read';
  const judge = (...suppressions: unknown[]) => evaluate([readStack('s', stack(...suppressions))], { rules: [rule] });

  test('cover a construct and what is below it, not its neighbour with a longer name', () => {
    const { findings, suppressed, rules } = judge({ rule: 'OWN-1', path: 's/one', reason });
    expect(findings.map((f) => f.address)).toEqual(['aws_s3_bucket.y', 'aws_s3_bucket.y']);
    expect(suppressed).toMatchObject([
      { address: 'aws_s3_bucket.x', reason, suppressedAt: 's/one' },
      { address: 'aws_s3_bucket.x' },
    ]);
    expect(rules).toMatchObject([{ evaluated: 2, passed: 0, failed: 1, suppressed: 1 }]);
  });
  test('with a value cover that value only', () => {
    expect(judge({ rule: 'OWN-1', path: 's', reason, value: 'a' }).findings.map((f) => f.value)).toEqual(['b', 'b']);
  });
  test('that suppress nothing are findings', () => {
    expect(judge({ rule: 'OWN-1', path: 's/two', reason }).findings).toContainEqual(
      expect.objectContaining({ rule: 'TM-SUP-01', path: 's/two' }),
    );
    expect(judge({ rule: 'OWN-1', path: 's', reason, value: 'z' }).findings.map((f) => f.rule)).toContain('TM-SUP-01');
  });
  test('of no rule are errors, all of them, with what was meant', () => {
    expect(() => judge({ rule: 'OWN-2', path: 's', reason }, { rule: 'TM-NO-1', path: 's', reason })).toThrow(
      /2 mistakes:[\s\S]*did you mean OWN-1\?[\s\S]*TM-NO-1/,
    );
  });
  test('without a reason, or of another shape, are errors, all of them', () => {
    const wrong = [
      { rule: 'OWN-1', path: 's' },
      { rule: '', path: '', reason: 'short' },
      'x',
      { rule: 'OWN-1', path: 's', reason: `${reason} \${var.x}` },
      { rule: 'OWN-1', path: 's', reason: 'r'.repeat(2_000) },
    ];
    expect(() => judge(...wrong)).toThrow(ChecksError);
    expect(() => judge(...wrong)).toThrow(/7 mistakes/);
    expect(() => readStack('s', { '//': { tidemark: { suppressions: {} } } })).toThrow('expected a list');
  });
});

test("rules of one's own stand beside those of the kit, under ids of their own", () => {
  const own: Rule = {
    id: 'TM-S3-01',
    what: 'w',
    why: 'w',
    fix: 'f',
    severity: 'low',
    controls: [],
    types: ['*'],
    check: () => [],
  };
  expect(() => evaluate([], { rules: [own, own] })).toThrow('TM-S3-01: is there twice');
});

test('figures of the organisation count', () => {
  const tree = readStack('s', { resource: { aws_cloudwatch_log_group: { l: { retention_in_days: 90, tags: { a: 'b' } } } } });
  const found = (parameters: object): (string | undefined)[] =>
    evaluate([tree], { parameters })
      .findings.filter((f) => /LOG-01|TAG/.test(f.rule))
      .map((f) => f.value ?? f.message);
  expect(found({})).toEqual([]);
  expect(found({ logDays: 365, requiredTags: ['a', 'owner'] })).toEqual(['90', 'owner']);
});
