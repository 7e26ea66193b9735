/** The rule pack over Pulumi stacks: the same rules, the same examples. */
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import type { PolicyResource, StackValidationArgs } from '@pulumi/policy';
import { RULES } from '../../checks/core/index.ts';
import { EXAMPLES, type Example } from '../../checks/core/rules/examples/index.ts';
import { applicable, createPolicyPack, NOT_IN_PULUMI, readResources, stackPolicies, suppressTag, terraformType, type PackOptions, type StackResource } from './index.ts';
import { asPulumi, NoSuchExample, tokens } from './testing-shapes.ts';

/** What the engine hands to policies in a preview; not part of the package's declarations. */
const { unknownCheckingProxy, unknownStringValue } = createRequire(import.meta.url)('@pulumi/policy/proxy.js') as {
  readonly unknownCheckingProxy: (props: object) => StackResource['props'];
  readonly unknownStringValue: string;
};

interface Violation {
  readonly policy: string;
  readonly message: string;
  readonly urn: string | undefined;
}

function judge(resources: readonly StackResource[], options: PackOptions & { readonly config?: object } = {}): Violation[] {
  const found: Violation[] = [];
  for (const policy of stackPolicies(options)) {
    const args = { resources: resources as PolicyResource[], stackTags: new Map(), getConfig: () => options.config ?? {}, notApplicable: () => { throw new Error('not asked for'); } };
    void policy.validateStack(args as unknown as StackValidationArgs, (message, urn) => void found.push({ policy: policy.name, message, urn }));
  }
  return found;
}

test('every type that a rule names is one of Pulumi\'s, or is known to be none', () => {
  const types = [...new Set(RULES.flatMap((rule) => rule.types))].filter((type) => type !== '*' && type !== 'provider.aws');
  const without = types.filter((type) => !tokens.has(type) && !NOT_IN_PULUMI.some(({ pattern }) => pattern.test(type)));
  expect(without).toEqual([]);
  expect(types.filter((type) => tokens.has(type)).length).toBeGreaterThan(40);
});

test('types of before version 7, and what is none of AWS\'s', () => {
  expect(terraformType('aws:s3/bucketV2:BucketV2')).toBe('aws_s3_bucket');
  expect(terraformType('aws:s3/bucketVersioningV2:BucketVersioningV2')).toBe('aws_s3_bucket_versioning');
  expect(terraformType('pulumi:providers:aws')).toBe('provider.aws');
  for (const token of ['pulumi:pulumi:Stack', 'tidemark:kit:EdgeSite', 'random:index/randomId:RandomId', 'aws']) expect(terraformType(token)).toBeUndefined();
});

/** Pulumi's declarations have nothing like the Terraform example: blocks that are gone, or variables and data sources. */
const usable = (examples: readonly Example[]): StackResource[][] => examples.flatMap((example) => {
  try {
    return [asPulumi(example)];
  } catch (error) {
    if (error instanceof NoSuchExample) return [];
    throw error;
  }
});

describe.each(applicable(RULES).map((rule) => [rule.id, rule] as const))('%s', (id, rule) => {
  const examples = EXAMPLES[id]!;
  const options = { rules: [rule] };
  test('catches and lets pass in Pulumi what it does in Terraform', () => {
    const catches = usable(examples.catches);
    const passes = usable(examples.passes);
    expect(catches.length + passes.length).toBeGreaterThan(0);
    for (const resources of catches) expect(judge(resources, options).map((v) => v.policy), JSON.stringify(resources)).toContain(id);
    for (const resources of passes) expect(judge(resources, options), JSON.stringify(resources)).toEqual([]);
  });
});

test('nearly all examples of the rules can be said in Pulumi', () => {
  const all = applicable(RULES).flatMap(({ id }) => [...EXAMPLES[id]!.catches, ...EXAMPLES[id]!.passes]);
  expect(usable(all).length / all.length).toBeGreaterThan(0.75);
});

const bucket = (more: Partial<StackResource> = {}): StackResource => ({
  type: 'aws:s3/bucket:Bucket', name: 'audit', urn: 'urn:audit', props: { id: 'audit-1', arn: 'arn:aws:s3:::audit-1', tagsAll: { owner: 'ledger' } }, ...more,
});
const block = (props: object, propertyDependencies: StackResource['propertyDependencies'] = {}): StackResource => ({
  type: 'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', name: 'closed', urn: 'urn:closed', propertyDependencies,
  props: { blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true, ...props },
});
const rules = RULES.filter(({ id }) => id === 'TM-S3-01');
const [rule] = rules;

test('a violation names the resource, what is wrong, why it matters and how to mend it', () => {
  const [violation, ...more] = judge([bucket()], { rules });
  expect(more).toEqual([]);
  expect(violation).toMatchObject({ policy: 'TM-S3-01', urn: 'urn:audit' });
  expect(violation!.message).toContain('audit: ');
  expect(violation!.message).toContain(rule!.why);
  expect(violation!.message).toContain(rule!.fix);
});

test('companions are found by id, and in a preview by what a property depends on', () => {
  const dependencies = { bucket: [{ urn: 'urn:audit' }] };
  expect(judge([bucket(), block({ bucket: 'audit-1' }, dependencies)], { rules })).toEqual([]);
  const later = (props: object, ...names: string[]): object => names.reduce((all, name) => Object.defineProperty(all, name, { enumerable: true, get: () => { throw new Error('unknown'); } }), { ...props });
  const preview = [bucket({ props: later({ tagsAll: { owner: 'ledger' } }, 'id', 'arn') as StackResource['props'] }), { ...block({}), props: later(block({}).props, 'bucket') as StackResource['props'], propertyDependencies: dependencies }];
  expect(judge(preview, { rules })).toEqual([]);
  expect(judge([...preview.slice(0, 1), { ...preview[1]!, propertyDependencies: {} }], { rules })).toHaveLength(1);
  // What cannot be decided yet is decided by the deployment.
  const undecided = { ...preview[1]!, props: later(block({}).props, 'bucket', 'blockPublicAcls') as StackResource['props'] };
  expect(judge([preview[0]!, undecided], { rules })).toEqual([]);
});

test('the engine\'s own objects for what a preview does not know', () => {
  const props = { ...block({}).props, bucket: unknownStringValue };
  const dependent = { ...block({}), props: unknownCheckingProxy(props), propertyDependencies: { bucket: [{ urn: 'urn:audit' }] } };
  expect(() => (dependent.props as { bucket: string }).bucket).toThrow(/can't be known during preview/);
  expect(judge([bucket({ props: unknownCheckingProxy({ id: unknownStringValue, tagsAll: { owner: 'ledger' } }) }), dependent], { rules })).toEqual([]);
  expect(judge([bucket(), { ...dependent, propertyDependencies: {} }], { rules })).toHaveLength(1);
});

test('suppressions: a tag, the options, the configuration of the pack; each with a reason', () => {
  const reason = 'Holds a public list of names and nothing else.';
  expect(judge([bucket({ props: { ...bucket().props, tagsAll: suppressTag('TM-S3-01', reason) } })], { rules })).toEqual([]);
  const parent = { type: 'tidemark:kit:Thing', name: 'thing' };
  const inside = bucket({ parent });
  expect(judge([inside], { rules, suppressions: [{ rule: 'TM-S3-01', path: 'thing', reason }] })).toEqual([]);
  expect(judge([inside], { rules, config: { suppressions: [{ path: 'thing/audit', reason }] } })).toEqual([]);
  expect(judge([inside], { rules, suppressions: [{ rule: 'TM-S3-01', path: 'other', reason }] }).map((v) => v.message).join()).toContain('suppresses nothing');
});

test('suppressions without a reason or a rule are refused, all at once', () => {
  expect(() => stackPolicies({ suppressions: [{ rule: 'TM-S3-99', path: 'x', reason: 'no' }] })).toThrow(/suppressions\[0\]\.reason[\s\S]*TM-S3-99/);
  expect(() => judge([bucket()], { rules, config: { suppressions: [{ path: 'audit' }] } })).toThrow(/reason/);
  expect(() => suppressTag('S3', 'short (!)')).toThrow(/rule: [\s\S]*at least 20[\s\S]*tags of AWS/);
  const tags = { 'tidemark:suppress/TM-S3-01': 'short', 'tidemark:suppress/TM-S3-77': 'A reason that is long enough for anybody.' };
  const found = judge([bucket({ props: { ...bucket().props, tagsAll: tags } })]).filter((v) => v.policy === 'TM-SUP-01').map((v) => v.message);
  expect(found.join('\n')).toMatch(/TM-S3-01: reason[\s\S]*TM-S3-77/);
});

test('severity decides what stops a deployment, and an organisation can decide otherwise', () => {
  const levels = (options: PackOptions): Set<string> => new Set(stackPolicies(options).map((policy) => `${policy.severity} ${policy.enforcementLevel}`));
  expect(levels({ rules: RULES })).toEqual(new Set(['high mandatory', 'medium mandatory', 'low advisory', 'low mandatory']));
  expect(levels({ enforcement: { high: 'advisory', medium: 'advisory' } }).has('high mandatory')).toBe(false);
});

test('the pack is made with the module that is given', () => {
  class PolicyPack {
    readonly name: string;
    readonly args: { readonly policies: readonly { readonly name: string }[] };
    constructor(name: string, args: { readonly policies: readonly { readonly name: string }[] }) {
      this.name = name;
      this.args = args;
    }
  }
  const pack = createPolicyPack({ PolicyPack });
  expect(pack.name).toBe('tidemark');
  expect(pack.args.policies.map(({ name }) => name)).toEqual([...applicable(RULES).map(({ id }) => id), 'TM-SUP-01']);
});

test('values that are secret do not reach rules, nor reports; text that looks like an expression stays text', () => {
  const version: StackResource = {
    type: 'aws:secretsmanager/secretVersion:SecretVersion', name: 'key', urn: 'urn:key', opts: { additionalSecretOutputs: ['secretString'] },
    props: { id: 'x', arn: 'arn:x', secretString: 'hunter2' },
  };
  const { tree } = readResources('stack', [version, bucket({ props: { bucketPrefix: 'a-${b}' } })]);
  expect(JSON.stringify(tree.resources)).not.toContain('hunter2');
  expect(tree.resources[1]!.attributes['bucket_prefix']).toBe('a-$${b}');
});
