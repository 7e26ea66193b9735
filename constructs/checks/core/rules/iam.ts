/** Who may do what: policies of identities, of resources, and of trust. */
import { allowsAnyResource } from '../actions.ts';
import type { Problem, Resource, Rule, Tree } from '../model.ts';
import { claimsMissing, isEverything, narrowsCallers, narrowsResources } from '../narrowing.ts';
import {
  allowing,
  identityPolicies,
  IDENTITY_POLICY_TYPES,
  RESOURCE_POLICY_TYPES,
  resourcePolicies,
  trustPolicies,
  type PolicyDocument,
  type PolicyStatement,
} from '../policy.ts';
import { problem, texts, undecided } from '../values.ts';

const ATTACHMENTS = [
  'aws_iam_role_policy_attachment',
  'aws_iam_user_policy_attachment',
  'aws_iam_group_policy_attachment',
  'aws_iam_policy_attachment',
];
/** AWS managed policies that hand out the account, or a way to it. */
const ADMIN_POLICIES = /:policy\/(?:[\w-]+\/)*(?:AdministratorAccess(?:-\w+)?|PowerUserAccess|IAMFullAccess|\w*FullAccess)$/;
const isAll = (action: string): boolean => /^\*[*:]*$/.test(action);
const isService = (action: string): boolean => /^[\w-]+:\*+$/.test(action);
/** `*` is TM-IAM-01's to find. */
const passesRole = (action: string): boolean => {
  const lower = action.toLowerCase();
  return lower === 'iam:passrole' || (/^iam:.*\*$/.test(lower) && 'iam:passrole'.startsWith(lower.slice(0, -1)));
};

const openToEveryone = (policies: readonly PolicyDocument[], whom: string): Problem[] =>
  allowing(policies)
    .filter((s) => s.principals.includes('*') && !narrowsCallers(s))
    .map((s) =>
      problem(`${whom} without a condition that narrows it`, [...s.actions, ...s.notActions.map((a) => `not ${a}`)].join(', ')),
    );

const unreadableIn = (policies: readonly PolicyDocument[]): Problem[] =>
  policies.flatMap(({ unreadable }) =>
    unreadable === undefined
      ? []
      : [
          unreadable.undecided
            ? undecided('the policy', unreadable.value)
            : problem(`the policy ${unreadable.why}`, unreadable.value),
        ],
  );

const identity =
  (judge: (statement: PolicyStatement) => readonly Problem[]) =>
  (resource: Resource, tree: Tree): Problem[] =>
    allowing(identityPolicies(resource, tree)).flatMap(judge);
const hasIdentityPolicy = (resource: Resource, tree: Tree): boolean => identityPolicies(resource, tree).length > 0;
const hasResourcePolicy = (resource: Resource, tree: Tree): boolean => resourcePolicies(resource, tree).length > 0;
const everyPolicy = (resource: Resource, tree: Tree): PolicyDocument[] => [
  ...identityPolicies(resource, tree),
  ...resourcePolicies(resource, tree),
  ...trustPolicies(resource, tree),
];

export const IAM_RULES: readonly Rule[] = [
  {
    id: 'TM-IAM-01',
    severity: 'high',
    controls: ['no-admin-policies', 'CC6.3'],
    types: IDENTITY_POLICY_TYPES,
    applies: hasIdentityPolicy,
    what: 'No policy allows every action.',
    why: 'Whoever takes over such an identity has the account: every key, ledger and log in it.',
    fix: 'List the actions that are needed.',
    check: identity((s) =>
      s.actions.filter(isAll).map((action) => problem('allows every action', action)),
    ),
  },
  {
    id: 'TM-IAM-02',
    severity: 'medium',
    controls: ['CC6.3'],
    types: IDENTITY_POLICY_TYPES,
    applies: hasIdentityPolicy,
    what: 'No policy allows all actions of a service.',
    why: "A service's `*` holds its deletions and its policies, and grows with every new action that AWS adds.",
    fix: 'List the actions that are needed.',
    check: identity((s) => s.actions.filter(isService).map((action) => problem(`allows all of ${action.split(':')[0]}`, action))),
  },
  {
    id: 'TM-IAM-03',
    severity: 'medium',
    controls: ['CC6.3'],
    types: IDENTITY_POLICY_TYPES,
    applies: hasIdentityPolicy,
    what: 'Actions are allowed on named resources, where AWS lets one name them.',
    why: 'Resource `*` reaches everything of the account, also what is made later by somebody else.',
    fix: 'Name ARNs, or narrow by a condition on a tag of the resource, an alias, a cluster or an encryption context.',
    check: identity((s) =>
      (s.resources.some(isEverything) && !narrowsResources(s) ? s.actions : [])
        .filter((action) => !isAll(action) && !allowsAnyResource(action))
        .map((action) => problem('allows on every resource', action)),
    ),
  },
  {
    id: 'TM-IAM-04',
    severity: 'high',
    controls: ['CC6.1', 'CC6.6'],
    types: ['aws_iam_role'],
    what: 'A role names who may assume it.',
    why: 'A trust policy open to everyone lets any AWS account take the role; one that trusts GitHub as a whole, any repository.',
    fix: 'Name the service or the role, or add a condition on the account or the organisation; for an identity provider on its sub and aud.',
    check: (role, tree) => {
      const trust = trustPolicies(role, tree);
      return [
        ...openToEveryone(trust, 'everyone may assume it'),
        ...allowing(trust).flatMap((s) =>
          claimsMissing(s).map((claim) =>
            problem(`trusts an identity provider without a condition on :${claim} that names it`, s.principals.join(', ')),
          ),
        ),
      ];
    },
  },
  {
    id: 'TM-IAM-05',
    severity: 'high',
    controls: ['CC6.1', 'CC6.6'],
    types: RESOURCE_POLICY_TYPES,
    // What an endpoint lets through is still subject to the policies on both sides.
    applies: (resource, tree) => !resource.type.startsWith('aws_vpc_endpoint') && hasResourcePolicy(resource, tree),
    what: "A resource's policy allows nothing to everyone.",
    why: 'Principal `*` in a policy of a bucket, key, topic, queue, secret or repository is the internet.',
    fix: 'Name principals, or add a condition such as aws:SourceAccount, aws:PrincipalOrgID or kms:CallerAccount.',
    check: (resource, tree) => openToEveryone(resourcePolicies(resource, tree), 'its policy allows everyone'),
  },
  {
    id: 'TM-IAM-06',
    severity: 'medium',
    controls: ['CC6.3'],
    types: [...IDENTITY_POLICY_TYPES, ...RESOURCE_POLICY_TYPES],
    applies: (resource, tree) =>
      hasIdentityPolicy(resource, tree) || hasResourcePolicy(resource, tree) || trustPolicies(resource, tree).length > 0,
    what: 'Nothing is allowed by exclusion.',
    why: 'Allow with NotAction, NotResource or NotPrincipal grants all that nobody thought of.',
    fix: 'Say what is allowed; exclusions belong into Deny statements.',
    check: (resource, tree) =>
      allowing(everyPolicy(resource, tree)).flatMap((s) =>
        (
          [
            ['NotAction', s.notActions],
            ['NotResource', s.notResources],
            ['NotPrincipal', s.notPrincipals],
          ] as const
        )
          .filter(([, excluded]) => excluded.length > 0)
          .map(([name, excluded]) => problem(`allows by ${name}`, excluded.join(', '))),
      ),
  },
  {
    id: 'TM-IAM-07',
    severity: 'medium',
    controls: ['instance-roles', 'CC6.1'],
    types: ['aws_iam_access_key', 'aws_iam_user_login_profile', 'aws_iam_service_specific_credential'],
    what: 'No long-lived credentials are made.',
    why: "An access key or a password works from anywhere until somebody takes it away, and Terraform's state has a copy.",
    fix: 'Use roles: of instances, tasks, SSM activations, or federation for people.',
    check: ({ attributes }) => (attributes['status'] === 'Inactive' ? [] : [problem('makes long-lived credentials')]),
  },
  {
    id: 'TM-IAM-08',
    severity: 'low',
    controls: ['user-permissions', 'CC6.3'],
    types: ['aws_iam_user_policy', 'aws_iam_user_policy_attachment', 'aws_iam_policy_attachment'],
    what: 'Users have permissions through groups only.',
    why: 'Permissions of single users are lost from view when people change roles.',
    fix: 'Attach the policy to a group, or better to a role that people take by federation.',
    check: ({ type, attributes }) =>
      type !== 'aws_iam_policy_attachment' || texts(attributes['users']).length > 0
        ? [problem('gives permissions to a user')]
        : [],
  },
  {
    id: 'TM-IAM-09',
    severity: 'high',
    controls: ['CC6.3'],
    types: IDENTITY_POLICY_TYPES,
    applies: hasIdentityPolicy,
    what: 'iam:PassRole is allowed for named roles only.',
    why: 'Who may pass any role to a service takes the permissions of the strongest one.',
    fix: 'Name the roles, and add a condition on iam:PassedToService.',
    check: identity((s) =>
      (s.resources.some(isEverything) ? s.actions.filter(passesRole) : []).map(
        (action) => problem('may pass every role', action),
      ),
    ),
  },
  {
    id: 'TM-IAM-10',
    severity: 'high',
    controls: ['no-admin-policies', 'cloudshell-access', 'CC6.3'],
    types: [...ATTACHMENTS, 'aws_iam_role'],
    what: 'No AWS managed policy for administrators is attached.',
    why: 'AdministratorAccess and the ...FullAccess policies allow `*` in other words, and AWS changes them.',
    fix: "Attach a policy of one's own that lists what is needed.",
    check: ({ attributes }) =>
      [...texts(attributes['policy_arn']), ...texts(attributes['managed_policy_arns'])]
        .filter((arn) => ADMIN_POLICIES.test(arn))
        .map((arn) => problem('attaches a policy for administrators', arn)),
  },
  {
    id: 'TM-IAM-11',
    severity: 'medium',
    controls: ['CC6.3', 'CC8.1'],
    types: [...IDENTITY_POLICY_TYPES, ...RESOURCE_POLICY_TYPES],
    applies: (resource, tree) => everyPolicy(resource, tree).length > 0,
    what: 'A policy can be read before it is applied.',
    why: 'What cannot be read cannot be reviewed, and all other rules about policies pass over it.',
    fix: 'Write the document as JSON or as data.aws_iam_policy_document, with references only within its strings.',
    check: (resource, tree) => unreadableIn(everyPolicy(resource, tree)),
  },
];
