/**
 * What a rule sees and what it says. Plain data: the same rules judge a CDKTF tree, a folder of synthesized Terraform and a
 * Pulumi stack, each normalized to Terraform's names by whoever reads it.
 */
import type { Control } from './controls.ts';

/** An attribute's value as JSON has it; what only Terraform will know stays a string with `${...}`. */
export type Value = unknown;
export type Block = Readonly<Record<string, Value>>;

/**
 * One thing of a stack. Beside resources and data sources a stack's providers, its state backend and its outputs are resources
 * of types `provider.aws`, `backend.s3`, `output`, so that rules can be about them.
 */
export interface Resource {
  /** `aws_s3_bucket`; of a data source `data.aws_iam_policy_document`. */
  readonly type: string;
  /** `aws_s3_bucket.audit`: unique in its stack, and what references name. */
  readonly address: string;
  /** Of the construct: `global/audit/bucket`; where there is none, stack and address. */
  readonly path: string;
  /** snake_case; locals, variables' defaults and literal expressions are filled in, `dynamic` blocks are blocks. */
  readonly attributes: Block;
  readonly stack: string;
}

export interface Variable {
  readonly name: string;
  /** Text of its validations' conditions. */
  readonly conditions: readonly string[];
}

/** One stack and its index. References never leave a stack: another one's facts are data sources. */
export interface Tree {
  readonly stack: string;
  readonly resources: readonly Resource[];
  readonly suppressions: readonly Suppression[];
  /** Modules called: their insides are not here, so nothing is said about them. */
  readonly modules: readonly string[];
  readonly ofType: (...types: readonly string[]) => readonly Resource[];
  readonly at: (address: string) => Resource | undefined;
  readonly variable: (name: string) => Variable | undefined;
  /** Resources that a value refers to, directly or through another resource's attribute. */
  readonly follow: (value: Value) => readonly Resource[];
  /** Whether a value is a reference to the resource, or its literal name, id or ARN. */
  readonly pointsTo: (value: Value, target: Resource) => boolean;
  /** Resources of a type whose attribute points to the target: `companions('aws_s3_bucket_versioning', 'bucket', bucket)`. */
  readonly companions: (type: string, attribute: string, target: Resource) => readonly Resource[];
}

/** `high`: data or money can be taken or lost by it; `medium`: one more mistake away from that; `low`: worth a reason. */
export type Severity = 'high' | 'medium' | 'low';
export const SEVERITIES: readonly Severity[] = ['high', 'medium', 'low'];

/** What is wrong with one resource. */
export interface Problem {
  /** What is there, in words; the rule says why it matters and how to mend it. */
  readonly message: string;
  /** The offending value, shortened: tells findings of one resource apart, also for a suppression. */
  readonly value?: string;
  /** Only `terraform apply` knows the value. A finding all the same: what must hold has to be seen to hold. */
  readonly undecided?: true;
}

/** Figures that an organisation sets; see defaults.ts. */
export interface Parameters {
  /** Tags that a stack's resources must carry beside any at all. */
  readonly requiredTags: readonly string[];
  /** Least retention of logs. Days. */
  readonly logDays: number;
  /** Least retention of database backups. Days. */
  readonly backupDays: number;
}

export interface Rule {
  /** `TM-S3-01`; never given to another rule. */
  readonly id: string;
  /** What must hold. */
  readonly what: string;
  readonly why: string;
  readonly fix: string;
  readonly severity: Severity;
  readonly controls: readonly Control[];
  /** Types of resources that it judges; `*` for all. */
  readonly types: readonly string[];
  /** Whether it has anything to say about this one. @default - about all of its types */
  readonly applies?: (resource: Resource, tree: Tree) => boolean;
  /** Nothing found means that it passes. */
  readonly check: (resource: Resource, tree: Tree, parameters: Parameters) => readonly Problem[];
}

export interface Finding extends Problem {
  readonly rule: string;
  readonly severity: Severity;
  readonly stack: string;
  readonly address: string;
  readonly path: string;
}

/** Why a rule need not hold below a construct. */
export interface Suppression {
  readonly rule: string;
  /** Construct path that it is about, with all below it. */
  readonly path: string;
  readonly reason: string;
  /** Only findings with this value. @default - all findings of the rule there */
  readonly value?: string;
}

export interface SuppressedFinding extends Finding {
  readonly reason: string;
  /** Path that the suppression stands on. */
  readonly suppressedAt: string;
}

export interface RuleResult {
  readonly rule: Rule;
  /** Resources judged; each is in exactly one of the three counts below. */
  readonly evaluated: number;
  readonly passed: number;
  readonly failed: number;
  readonly suppressed: number;
}

export interface Evaluation {
  readonly findings: readonly Finding[];
  readonly suppressed: readonly SuppressedFinding[];
  /** Judgements (a rule and a resource) that passed. */
  readonly passed: number;
  /** Every rule in order, also one that had nothing to judge. */
  readonly rules: readonly RuleResult[];
  readonly stacks: readonly { readonly name: string; readonly resources: number }[];
  /** Modules whose insides were not seen, as `stack/module.name`. */
  readonly notSeen: readonly string[];
}

/** Input that cannot be judged: all that is wrong with it. */
export class ChecksError extends Error {
  override readonly name = 'ChecksError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.length === 1 ? mistakes[0]! : `${mistakes.length} mistakes:\n${mistakes.map((m) => `  - ${m}`).join('\n')}`);
    this.mistakes = mistakes;
  }
}
