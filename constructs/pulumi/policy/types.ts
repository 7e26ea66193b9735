/**
 * Terraform's types for Pulumi's, as the rules name them. A token `aws:rds/clusterInstance:ClusterInstance` is `aws_rds_cluster_instance`
 * but for the modules and names below, which the Terraform provider has under other ones.
 */

/** Modules whose name is not part of Terraform's type: `aws:ec2/flowLog:FlowLog` is `aws_flow_log`. */
const SILENT_MODULES: ReadonlySet<string> = new Set(['ec2']);

const OTHERWISE: Readonly<Record<string, string>> = {
  'alb.LoadBalancer': 'aws_alb',
  'cloudtrail.Trail': 'aws_cloudtrail',
  'ec2.VpcEndpointServiceAllowedPrinciple': 'aws_vpc_endpoint_service_allowed_principal',
  'lb.LoadBalancer': 'aws_lb',
  'rds.ClusterSnapshot': 'aws_db_cluster_snapshot',
  'rds.Instance': 'aws_db_instance',
  'rds.ParameterGroup': 'aws_db_parameter_group',
  'rds.Snapshot': 'aws_db_snapshot',
  'rds.SubnetGroup': 'aws_db_subnet_group',
  'route53.HostedZoneDnsSec': 'aws_route53_hosted_zone_dnssec',
  's3.BucketObjectv2': 'aws_s3_object',
};

/** What rules judge that is no resource in Pulumi, and why nothing is lost by it. */
export const NOT_IN_PULUMI: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  { pattern: /^backend\./, why: 'state is kept by Pulumi\'s own backends, which encrypt secrets and lock' },
  { pattern: /^output$/, why: 'outputs of a stack that are secret are so by their values' },
  { pattern: /^data\./, why: 'functions are called while the program runs; what they gave stands in the inputs of resources' },
];

/** Rules about what Pulumi does not have: provisioners are resources of a provider of their own there. */
export const RULES_NOT_IN_PULUMI: readonly string[] = ['TM-TF-05'];

export const PROVIDER = 'pulumi:providers:aws';

const TOKEN = /^aws:([a-z0-9]+)\/[A-Za-z0-9]+:([A-Za-z0-9]+)$/i;

/** `BucketPolicy` -> `bucket_policy` */
export const snake = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

/** Terraform's type of a Pulumi resource. Undefined when it is none of AWS's. */
export function terraformType(token: string): string | undefined {
  if (token === PROVIDER) return 'provider.aws';
  const [, module, name] = TOKEN.exec(token) ?? [];
  if (module === undefined || name === undefined) return undefined;
  const otherwise = OTHERWISE[`${module}.${name}`];
  if (otherwise !== undefined) return otherwise;
  // Before version 7, S3 resources of today's shape had this ending; the ones without it are gone.
  const plain = module === 's3' ? name.replace(/V2$/, '') : name;
  return SILENT_MODULES.has(module) ? `aws_${snake(plain)}` : `aws_${module}_${snake(plain)}`;
}
