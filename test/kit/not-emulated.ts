/**
 * Where the emulator falls short of AWS: what it does not have is left out of the copy of a stack that is applied to it, and what it
 * gives back otherwise than it got it is no difference in the plan afterwards. What an entry says is missing, or read back wrong, is
 * tested to be so; where it only misbehaves, that the stacks still use it.
 */
import type { Block, StackJson } from './deployments.ts';

export interface NotEmulated {
  readonly resource: string;
  /** @default - the whole resource */
  readonly attribute?: string;
  /** The operation that it does not have, as its source calls it. @default - it has them, and they do not do what those of AWS do */
  readonly operation?: string;
  readonly why: string;
}

export const NOT_EMULATED: readonly NotEmulated[] = [
  { resource: 'aws_cloudwatch_composite_alarm', operation: 'cloudwatch.put_composite_alarm', why: 'has no alarms over alarms' },
  { resource: 'aws_dlm_lifecycle_policy', operation: 'dlm.create_lifecycle_policy', why: 'has no Data Lifecycle Manager' },
  { resource: 'aws_ecr_repository_creation_template', operation: 'ecr.create_repository_creation_template', why: 'has no templates of repositories' },
  { resource: 'aws_ecs_service', why: 'answers with half a network configuration where there is none, on which the provider (5.100) crashes' },
  { resource: 'aws_instance', attribute: 'maintenance_options', operation: 'ec2.modify_instance_maintenance_options', why: 'has no options of maintenance' },
  { resource: 'aws_lb_listener', attribute: 'mutual_authentication', operation: 'elbv2.create_trust_store', why: 'has no trust stores' },
  { resource: 'aws_lb_trust_store', operation: 'elbv2.create_trust_store', why: 'has no trust stores' },
  { resource: 'aws_route53_zone_association', why: 'takes the zone of a VPC for a public one' },
  { resource: 'aws_s3_bucket_logging', why: 'takes only policies of the target bucket that name the whole bucket or exactly this prefix' },
  { resource: 'aws_s3_bucket_policy', why: 'applies what is denied whatever the conditions, to its owner as well' },
  { resource: 'aws_ssm_association', operation: 'ssm.create_association', why: 'has no State Manager' },
  { resource: 'aws_vpc_endpoint_service_allowed_principal', why: 'forgets who may connect to an endpoint service' },
];

/**
 * A copy without them. What only waits for one of them waits for less, and who asks one for what it was told is told so itself.
 *
 * @returns with those of them that the stack had
 */
export function emulated(stack: StackJson): { readonly stack: StackJson; readonly left: readonly NotEmulated[] } {
  const gone = new Map<string, Block>();
  const kept = structuredClone(stack);
  const left: NotEmulated[] = [];
  for (const entry of NOT_EMULATED) {
    const { resource, attribute } = entry;
    for (const [name, block] of Object.entries(kept.resource[resource] ?? {})) {
      if (attribute !== undefined && block[attribute] === undefined) continue;
      if (attribute === undefined) gone.set(`${resource}.${name}`, block);
      else delete block[attribute];
      if (!left.includes(entry)) left.push(entry);
    }
    if (attribute === undefined) delete kept.resource[resource];
  }
  for (const block of Object.values(kept.resource).flatMap((blocks) => Object.values(blocks))) {
    if (Array.isArray(block['depends_on'])) block['depends_on'] = block['depends_on'].filter((one) => !gone.has(String(one)));
  }
  const text = JSON.stringify(kept).replaceAll(/\$\{(\w+\.[\w-]+)\.(\w+)\}/g, (reference, address: string, attribute: string) => {
    const value = gone.get(address)?.[attribute];
    return typeof value === 'string' ? JSON.stringify(value).slice(1, -1) : reference;
  });
  return { stack: JSON.parse(text) as StackJson, left };
}

export interface Misread {
  readonly resource: string;
  readonly attribute: string;
  readonly why: string;
}

export const MISREAD: readonly Misread[] = [
  { resource: 'aws_instance', attribute: 'associate_public_ip_address', why: 'gives every machine a public address' },
  { resource: 'aws_instance', attribute: 'vpc_security_group_ids', why: 'forgets which security groups a machine is in' },
  { resource: 'aws_kms_key', attribute: 'rotation_period_in_days', why: 'forgets how often a key is rotated' },
  {
    resource: 'aws_lb', attribute: 'enforce_security_group_inbound_rules_on_private_link_traffic',
    why: 'forgets whether security groups hold for private links',
  },
  { resource: 'aws_route53_zone', attribute: 'vpc', why: 'forgets which network a private zone is for' },
  { resource: 'aws_s3_bucket_replication_configuration', attribute: 'rule', why: 'forgets that encrypted objects are copied, too' },
];

export const describeMisread = ({ resource, attribute, why }: Misread): string => `${resource}.${attribute}: ${why}`;

/** `terraform show -json` of a plan. */
export interface Plan {
  readonly resource_changes?: readonly {
    readonly address: string;
    readonly type: string;
    readonly change: {
      readonly actions: readonly string[];
      readonly before: Readonly<Record<string, unknown>> | null;
      readonly after: Readonly<Record<string, unknown>> | null;
      readonly after_unknown: Readonly<Record<string, unknown>>;
    };
  }[];
}

/** For an override file: resources whose misread attributes are left as they are read. */
export function forgiving(stack: StackJson): Record<string, Record<string, Block>> {
  const resources: Record<string, Record<string, Block>> = {};
  for (const { resource, attribute } of MISREAD) {
    for (const [name, block] of Object.entries(stack.resource[resource] ?? {})) {
      const kept = (block['lifecycle'] as { ignore_changes?: readonly string[] } | undefined)?.ignore_changes ?? [];
      const already = (resources[resource]?.[name]?.['lifecycle'] as { ignore_changes: readonly string[] } | undefined)?.ignore_changes ?? kept;
      (resources[resource] ??= {})[name] = { lifecycle: { ignore_changes: [...already, attribute] } };
    }
  }
  return resources;
}

/** The entries that a plan made without forgiving would change. */
export const misreadIn = (plan: Plan): readonly Misread[] => MISREAD.filter(({ resource, attribute }) => (plan.resource_changes ?? []).some(({ type, change }) =>
  type === resource && change.before !== null && change.after !== null && JSON.stringify(change.before[attribute]) !== JSON.stringify(change.after[attribute])));
