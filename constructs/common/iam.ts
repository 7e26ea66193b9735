/** IAM statements, whom they are granted to, and roles that gather them. */
import { IamRole } from '@cdktf/provider-aws/lib/iam-role/index.js';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy/index.js';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment/index.js';
import { Lazy } from 'cdktf';
import { Construct } from 'constructs';
import { check } from './mistakes.ts';

/** One statement of an IAM policy, as the policy grammar writes it. */
export interface Statement {
  /** Letters and digits. @default - none */
  readonly sid?: string;
  /** @default 'Allow' */
  readonly effect?: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  /** ARNs. In the policy of a resource: `*` for the resource itself. */
  readonly resources: readonly string[];
  /** For policies of resources: who. @default - none (policies of identities) */
  readonly principals?: Readonly<Record<string, string | readonly string[]>>;
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** Whoever can be allowed something: a {@link ServiceRole}, or anything of one's own that keeps statements. */
export interface Grantee {
  readonly allow: (statement: Statement) => void;
}

/** A policy document as JSON; tokens in it stay tokens. */
export function policyJson(statements: readonly Statement[]): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((s) => ({
      ...(s.sid === undefined ? {} : { Sid: s.sid }),
      Effect: s.effect ?? 'Allow',
      ...(s.principals === undefined ? {} : { Principal: s.principals }),
      Action: s.actions,
      Resource: s.resources,
      ...(s.conditions === undefined ? {} : { Condition: s.conditions }),
    })),
  });
}

export interface ServiceRoleProps {
  /** The role's name, 1 to 64 characters. */
  readonly name: string;
  /** AWS services that may assume it: `ecs-tasks.amazonaws.com`. */
  readonly services: readonly string[];
  readonly description?: string;
  /** Conditions on who assumes it, such as `aws:SourceAccount`. @default - none */
  readonly conditions?: Statement['conditions'];
  /** ARNs of managed policies to attach. @default - none */
  readonly managedPolicyArns?: readonly string[];
}

/** A role for AWS services whose only permissions are those that were granted to it. */
export class ServiceRole extends Construct implements Grantee {
  readonly role: IamRole;
  readonly arn: string;
  readonly roleName: string;
  readonly #statements: Statement[] = [];

  constructor(scope: Construct, id: string, props: ServiceRoleProps) {
    super(scope, id);
    check(this, (m) => m.text('name', props.name, /^[\w+=,.@-]{1,64}$/, '1 to 64 letters, digits and + = , . @ _ -'));
    this.role = new IamRole(this, 'role', {
      name: props.name,
      ...(props.description === undefined ? {} : { description: props.description }),
      assumeRolePolicy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{
          Effect: 'Allow', Principal: { Service: props.services }, Action: 'sts:AssumeRole',
          ...(props.conditions === undefined ? {} : { Condition: props.conditions }),
        }],
      }),
    });
    this.arn = this.role.arn;
    this.roleName = this.role.name;
    for (const [i, policyArn] of (props.managedPolicyArns ?? []).entries()) {
      new IamRolePolicyAttachment(this, `managed-${i}`, { role: this.role.name, policyArn });
    }
  }

  readonly allow = (statement: Statement): void => {
    if (this.#statements.length === 0) {
      new IamRolePolicy(this, 'grants', {
        name: 'grants', role: this.role.name, policy: Lazy.stringValue({ produce: () => policyJson(this.#statements) }),
      });
    }
    this.#statements.push(statement);
  };
}
