/** Roles that gather the statements that they are granted. */
import { IamRole } from '@cdktf/provider-aws/lib/iam-role/index.js';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy/index.js';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment/index.js';
import { Lazy } from 'cdktf';
import { Construct } from 'constructs';
import { check } from './mistakes.ts';
import { policyJson, type Grantee, type Statement } from './statements.ts';

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
