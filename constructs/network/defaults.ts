/** What a network is given when its user says nothing, and what AWS allows. */

/** IPv4 in CIDR notation, for security groups, where host bits are AWS's to refuse. */
export const CIDR_PATTERN = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\/(?:3[0-2]|[12]?\d)$/;

/** Names and descriptions of security groups and their rules: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html */
export const TEXT_PATTERN = /^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/;
export const TEXT_ALLOWED = '1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*';

/** Prefix lengths of VPCs and subnets: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html */
export const PREFIX = { least: 16, most: 28 } as const;

/** AWS services that have a gateway endpoint. */
export const GATEWAY_SERVICES = ['s3', 'dynamodb'] as const;
export type GatewayService = (typeof GATEWAY_SERVICES)[number];

/** Costs nothing, and keeps image layers, audit data and package repositories off the way through the internet. */
export const GATEWAY_ENDPOINTS: readonly GatewayService[] = ['s3'];

/** What an ECS task on Fargate needs to start, to be seen, and to reach its keys without a way to the internet. */
export const FARGATE_ENDPOINTS: readonly string[] = ['ecr.api', 'ecr.dkr', 'logs', 'secretsmanager', 'kms', 'xray'];

/** What a host needs beside that: the ECS agent, and Systems Manager for patches and sessions. */
export const HOST_ENDPOINTS: readonly string[] = [
  ...FARGATE_ENDPOINTS, 'ecs', 'ecs-agent', 'ecs-telemetry', 'ssm', 'ssmmessages', 'ec2messages',
];

export const FLOW_LOGS = {
  retentionDays: 90,
  /** Flows are summed up over this long. Seconds, 60 or 600. */
  intervalSeconds: 60,
} as const;
