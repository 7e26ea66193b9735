/** IAM statements as data, and whom they are granted to. */

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

/** Whoever can be allowed something: a `ServiceRole`, or anything of one's own that keeps statements. */
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
