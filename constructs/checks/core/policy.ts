/**
 * IAM policy documents as rules see them (IAM User Guide, "Grammar of the IAM JSON policy language"): JSON in a string, with
 * Terraform references in it, `jsonencode(...)`, or `data.aws_iam_policy_document`.
 */
import type { Block, Resource, Tree, Value } from './model.ts';
import { parseJson } from './json.ts';
import { referencesOf } from './references.ts';
import { isExpression } from './template.ts';
import { absent, blocks, isBlock, texts, unreadable } from './values.ts';

export interface Condition {
  /** `StringEquals`, `Bool`, ... */
  readonly test: string;
  /** `aws:SourceArn`, in lower case: keys of conditions have no case. */
  readonly key: string;
  readonly values: readonly string[];
}

export interface PolicyStatement {
  readonly allow: boolean;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly resources: readonly string[];
  readonly notResources: readonly string[];
  /** `*`, `AWS:arn:...`, `Service:ecs.amazonaws.com`; empty in policies of identities. */
  readonly principals: readonly string[];
  readonly notPrincipals: readonly string[];
  readonly conditions: readonly Condition[];
}

/** `unreadable` says why the document, or a part of it, is not known. */
export interface PolicyDocument {
  readonly statements: readonly PolicyStatement[];
  readonly unreadable?: { readonly why: string; readonly value: Value; readonly undecided: boolean };
}

/** Data documents that are put together of data documents. */
const SOURCES_MAX = 16;

/** The document of an attribute; null when the attribute is not set. */
export function policyOf(value: Value, tree: Tree, depth = 0): PolicyDocument | null {
  if (absent(value)) return null;
  if (isBlock(value)) return fromJson(value);
  if (typeof value !== 'string') return malformed('is neither a document nor text', value);
  const data = referencesOf(value)
    .map(({ address, attribute }) => (attribute?.endsWith('json') === true ? tree.at(address) : undefined))
    .find((resource) => resource?.type === 'data.aws_iam_policy_document');
  if (data !== undefined && /^\$\{[^{}]*\}$/.test(value)) return fromData(data, tree, depth);
  if (/^\$\{[\s\S]*\}$/.test(value)) return { statements: [], unreadable: { why: 'is an expression', value, undecided: true } };
  const json = parseJson(value);
  return json === undefined || !isBlock(json) ? malformed('is not JSON', value) : fromJson(json);
}

const malformed = (why: string, value: Value): PolicyDocument => ({
  statements: [],
  unreadable: { why, value, undecided: false },
});

const list = (value: Value): readonly Value[] => (Array.isArray(value) ? (value as Value[]) : absent(value) ? [] : [value]);

function fromJson(document: Block): PolicyDocument {
  const statements = list(document['Statement']);
  const odd = statements.find((statement) => !isBlock(statement));
  if (odd !== undefined) {
    return isExpression(odd)
      ? { statements: [], unreadable: { why: 'has a statement that is an expression', value: odd, undecided: true } }
      : malformed('has a statement that is no object', odd);
  }
  if (statements.length === 0) return malformed('has no Statement', document);
  const wrong = (statements as Block[]).find((s) => s['Effect'] !== 'Allow' && s['Effect'] !== 'Deny');
  const read = (statements as Block[]).map((s): PolicyStatement => ({
    // What is neither is judged as if it allowed.
    allow: s['Effect'] !== 'Deny',
    actions: texts(s['Action']),
    notActions: texts(s['NotAction']),
    resources: texts(s['Resource']),
    notResources: texts(s['NotResource']),
    principals: principalsOf(s['Principal']),
    notPrincipals: principalsOf(s['NotPrincipal']),
    conditions: (isBlock(s['Condition']) ? Object.entries(s['Condition']) : []).flatMap(([test, keys]) =>
      (isBlock(keys) ? Object.entries(keys) : []).map(([key, values]) => ({
        test,
        key: key.toLowerCase(),
        values: list(values).map(String),
      })),
    ),
  }));
  return wrong === undefined
    ? { statements: read }
    : {
        statements: read,
        unreadable: { why: 'has a statement whose Effect is neither Allow nor Deny', value: wrong['Effect'], undecided: false },
      };
}

/** `"*"` and `{ "AWS": "*" }` both mean everyone. */
const principalsOf = (value: Value): string[] => {
  if (!isBlock(value)) return [...texts(value)];
  return Object.entries(value).flatMap(([type, ids]) =>
    texts(ids).map((id) => (id === '*' && type === 'AWS' ? '*' : `${type}:${id}`)),
  );
};

/** `data.aws_iam_policy_document`, with the documents that it is made of. */
function fromData(data: Resource, tree: Tree, depth: number): PolicyDocument {
  if (depth > SOURCES_MAX) return malformed('is made of itself', data.address);
  const sources = ['source_policy_documents', 'override_policy_documents', 'source_json', 'override_json']
    .flatMap((name) => list(data.attributes[name]))
    .map((source) => policyOf(source, tree, depth + 1))
    .filter((source) => source !== null);
  const expression = unreadable(data, 'statement');
  const own = blocks(data, 'statement').map((s): PolicyStatement => ({
    allow: s['effect'] !== 'Deny',
    actions: texts(s['actions']),
    notActions: texts(s['not_actions']),
    resources: texts(s['resources']),
    notResources: texts(s['not_resources']),
    principals: dataPrincipals(s, 'principals'),
    notPrincipals: dataPrincipals(s, 'not_principals'),
    conditions: blocks(s, 'condition').map((c) => ({
      test: String(c['test']),
      key: String(c['variable']).toLowerCase(),
      values: list(c['values']).map(String),
    })),
  }));
  const found =
    expression === undefined
      ? sources.find((source) => source.unreadable !== undefined)?.unreadable
      : { why: 'has statements that are an expression', value: expression, undecided: true };
  return {
    statements: [...sources.flatMap((source) => source.statements), ...own],
    ...(found === undefined ? {} : { unreadable: found }),
  };
}

const dataPrincipals = (statement: Block, name: string): string[] =>
  blocks(statement, name).flatMap((p) =>
    texts(p['identifiers']).map((id) =>
      id === '*' && (p['type'] === '*' || p['type'] === 'AWS') ? '*' : `${String(p['type'])}:${id}`,
    ),
  );

/** Where policies stand: those of identities say what somebody may do, those of resources who may do it. */
const IDENTITY_POLICIES: Readonly<Record<string, string>> = {
  aws_iam_policy: 'policy',
  aws_iam_role_policy: 'policy',
  aws_iam_user_policy: 'policy',
  aws_iam_group_policy: 'policy',
};
const RESOURCE_POLICIES: Readonly<Record<string, string>> = {
  aws_s3_bucket_policy: 'policy',
  aws_s3_bucket: 'policy',
  aws_kms_key: 'policy',
  aws_kms_key_policy: 'policy',
  aws_kms_replica_key: 'policy',
  aws_sns_topic: 'policy',
  aws_sns_topic_policy: 'policy',
  aws_sqs_queue: 'policy',
  aws_sqs_queue_policy: 'policy',
  aws_secretsmanager_secret: 'policy',
  aws_secretsmanager_secret_policy: 'policy',
  aws_ecr_repository_policy: 'policy',
  aws_ecr_registry_policy: 'policy',
  aws_vpc_endpoint: 'policy',
  aws_vpc_endpoint_policy: 'policy',
  aws_cloudwatch_log_resource_policy: 'policy_document',
};

export const IDENTITY_POLICY_TYPES = [...Object.keys(IDENTITY_POLICIES), 'aws_iam_role'];
export const RESOURCE_POLICY_TYPES = Object.keys(RESOURCE_POLICIES);

const documents = (values: readonly Value[], tree: Tree): PolicyDocument[] =>
  values.map((value) => policyOf(value, tree)).filter((d) => d !== null);

/** What a resource allows its identity; of a role the inline policies. */
export const identityPolicies = (resource: Resource, tree: Tree): PolicyDocument[] =>
  documents(
    resource.type === 'aws_iam_role'
      ? blocks(resource, 'inline_policy').map((inline) => inline['policy'])
      : [resource.attributes[IDENTITY_POLICIES[resource.type] ?? '']],
    tree,
  );

export const resourcePolicies = (resource: Resource, tree: Tree): PolicyDocument[] =>
  documents([resource.attributes[RESOURCE_POLICIES[resource.type] ?? '']], tree);

/** Who may assume a role. */
export const trustPolicies = (resource: Resource, tree: Tree): PolicyDocument[] =>
  documents([resource.attributes['assume_role_policy']], tree);

export const allowing = (policies: readonly PolicyDocument[]): PolicyStatement[] =>
  policies.flatMap((p) => p.statements.filter((s) => s.allow));
