/**
 * What stacks tell each other, as data: one typed list of facts per kind of stack, and what they are called where they are
 * published. ARNs, ids and names only, never a secret. Nothing here loads a framework, so that programs of any may read it.
 */
import { stackName, type StackRef } from '../../platform/secrets.ts';

/** By kind of stack: each fact and what it is. `list` facts are comma-separated in the parameter. */
export const FACTS = {
  global: {
    vpcId: { what: 'id of the control plane\'s VPC', kind: 'text' },
    vpcCidr: { what: 'its network', kind: 'text' },
    routeTableIds: { what: 'route tables that need a route to each region', kind: 'list' },
    controlPlaneUrl: { what: 'base URL of the control plane inside the private networks', kind: 'text' },
    controlPlaneSecurityGroupId: { what: 'security group of the control plane\'s load balancer', kind: 'text' },
    auditBucketName: { what: 'bucket of log tiles and audit exports', kind: 'text' },
    auditBucketArn: { what: 'its ARN', kind: 'text' },
    signingKeyArn: { what: 'KMS key that signs checkpoints', kind: 'text' },
    pageTopicArn: { what: 'SNS topic of alarms that wake somebody up', kind: 'text' },
    ticketTopicArn: { what: 'SNS topic of alarms that wait for office hours', kind: 'text' },
    maintenanceAlarmName: { what: 'alarm that is in ALARM during maintenance and drills, and suppresses the others\' actions', kind: 'text' },
    registry: { what: 'host of the ECR registry that images are pushed to', kind: 'text' },
    telemetryLogGroupName: { what: 'log group that collectors write metrics to', kind: 'text' },
    telemetryLogGroupArn: { what: 'its ARN', kind: 'text' },
  },
  region: {
    vpcId: { what: 'id of the region\'s VPC', kind: 'text' },
    vpcCidr: { what: 'its network', kind: 'text' },
    endpointServiceName: { what: 'VPC endpoint service that edge sites connect to', kind: 'text' },
    endpointServiceRegion: { what: 'AWS region of that service', kind: 'text' },
    replicaUrls: { what: 'base URLs of the replicas as edge nodes call them, in order', kind: 'list' },
    publicIngressName: { what: 'DNS name of the load balancer for sites on premises; - without one', kind: 'text' },
  },
  edge: {
    securityGroupId: { what: 'security group of the edge node; - on premises', kind: 'text' },
    url: { what: 'base URL that clients of the site call', kind: 'text' },
    clusterArn: { what: 'ECS cluster of the site', kind: 'text' },
    serviceName: { what: 'ECS service of the edge node', kind: 'text' },
  },
} as const satisfies Record<string, Record<string, FactSpec>>;

export type StackKind = keyof typeof FACTS;
type Spec<K extends StackKind> = (typeof FACTS)[K];
/** The facts of a kind of stack, as values (or tokens). */
export type Facts<K extends StackKind> = {
  readonly [F in keyof Spec<K>]: Spec<K>[F] extends { kind: 'list' } ? readonly string[] : string;
};

/** Names one stack of one deployment. */
export interface StackId<K extends StackKind = StackKind> extends StackRef {
  readonly kind: K;
}

export { stackName };

/** `vpcId` -> `vpc-id`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** `/tidemark/production/global/vpc-id`. */
export const parameterName = (stack: StackId, fact: string): string =>
  `/${stack.platform}/${stack.environment}/${stackName(stack)}/${kebab(fact)}`;

/** `vpc_id`: name of the Terraform output. */
export const outputName = (fact: string): string => kebab(fact).replaceAll('-', '_');

/** What a fact is, and how it is written in a parameter. */
export interface FactSpec {
  readonly what: string;
  readonly kind: 'text' | 'list';
}

/** Facts of a kind of stack, for loops. */
export const factsOf = (kind: StackKind): Readonly<Record<string, FactSpec>> => FACTS[kind];
