/** A role for AWS services whose only permissions are the statements that it is given. */
import { Role } from '@pulumi/aws/iam/role.js';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy.js';
import * as pulumi from '@pulumi/pulumi';
import { policyJson, type Statement } from '../../common/statements.ts';

export interface RoleArgs {
  /** 1 to 64 characters. */
  readonly name: string;
  /** AWS service that may assume it: `ecs-tasks.amazonaws.com`. */
  readonly service: string;
  readonly description: string;
  /** Conditions on who assumes it. @default - none */
  readonly conditions?: pulumi.Input<Statement['conditions']>;
  /** @default - none: it may do nothing */
  readonly statements?: pulumi.Input<readonly Statement[]>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface MadeRole {
  readonly role: Role;
  /** Absent without statements. */
  readonly policy: RolePolicy | undefined;
}

export function serviceRole(id: string, args: RoleArgs, options: pulumi.CustomResourceOptions): MadeRole {
  const { name, service, description, tags } = args;
  const role = new Role(id, {
    name, description, tags,
    assumeRolePolicy: pulumi.output(args.conditions).apply((conditions) => JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: [service] }, Action: 'sts:AssumeRole', ...(conditions === undefined ? {} : { Condition: conditions }) }],
    })),
  }, { ...options, deleteBeforeReplace: true });
  const policy = args.statements === undefined ? undefined : new RolePolicy(`${id}-grants`, {
    name: 'grants', role: role.name, policy: pulumi.output(args.statements).apply((statements) => policyJson(statements as readonly Statement[])),
  }, { ...options, deleteBeforeReplace: true });
  return { role, policy };
}
