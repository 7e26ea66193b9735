/**
 * What stacks tell each other: one typed list of facts per kind of stack. A stack publishes each as an SSM parameter in the
 * control plane's AWS region and as a Terraform output; whoever builds on it reads the parameter. ARNs, ids and names only,
 * never a secret.
 */
import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter/index.js';
import { SsmParameter } from '@cdktf/provider-aws/lib/ssm-parameter/index.js';
import { Fn, TerraformOutput, type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { ConstructError } from './mistakes.ts';

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
} as const satisfies Record<string, Record<string, { readonly what: string; readonly kind: 'text' | 'list' }>>;

export type StackKind = keyof typeof FACTS;
type Spec<K extends StackKind> = (typeof FACTS)[K];
/** The facts of a kind of stack, as values (or tokens). */
export type Facts<K extends StackKind> = {
  readonly [F in keyof Spec<K>]: Spec<K>[F] extends { kind: 'list' } ? readonly string[] : string;
};

/** Names one stack of one deployment. */
export interface StackId<K extends StackKind = StackKind> {
  /** The platform's name. */
  readonly platform: string;
  readonly environment: string;
  readonly kind: K;
  /** Of a region or an edge site. @default - for `global`: none */
  readonly id?: string;
}

/** `global`, `region-eu`, `edge-eu-fra-1`: the stack's name, its folder, and its part of parameter and secret names. */
export const stackName = (stack: Pick<StackId, 'kind' | 'id'>): string => (stack.kind === 'global' ? 'global' : `${stack.kind}-${stack.id ?? ''}`);

const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** `/tidemark/production/global/vpc-id`. */
export const parameterName = (stack: StackId, fact: string): string =>
  `/${stack.platform}/${stack.environment}/${stackName(stack)}/${kebab(fact)}`;

export interface PublishOptions {
  /** Provider of the control plane's AWS region. @default - the stack's own provider */
  readonly provider?: TerraformProvider;
}

/** Publishes every fact of a stack: parameters and outputs. */
export function publishFacts<K extends StackKind>(scope: Construct, stack: StackId<K>, facts: Facts<K>, options: PublishOptions = {}): void {
  const holder = new Construct(scope, 'facts');
  const spec: Readonly<Record<string, { readonly what: string; readonly kind: 'text' | 'list' }>> = FACTS[stack.kind];
  const missing = Object.keys(spec).filter((name) => (facts as Record<string, unknown>)[name] === undefined);
  if (missing.length > 0) throw new ConstructError(holder.node.path, missing.map((name) => `${name}: a ${stack.kind} stack publishes it, and it was not given`));
  for (const [name, { what, kind }] of Object.entries(spec)) {
    const given = (facts as Record<string, string | readonly string[]>)[name] as string | readonly string[];
    const value = kind === 'list' ? (typeof given === 'string' ? given : Fn.join(',', [...given])) : given as string;
    new SsmParameter(holder, kebab(name), {
      name: parameterName(stack, name), type: 'String', value, description: what,
      ...(options.provider === undefined ? {} : { provider: options.provider }),
    });
    const output = new TerraformOutput(holder, `${kebab(name)}-output`, { value, description: what });
    output.overrideLogicalId(kebab(name).replaceAll('-', '_'));
  }
}

/**
 * Reads the facts of another stack; each parameter is looked up once, when it is first asked for. A list is known at plan time
 * only: take one of it with `Fn.element(list, i)`; how many there are follows from the definition.
 */
export function readFacts<K extends StackKind>(scope: Construct, stack: StackId<K>, options: PublishOptions = {}): Facts<K> {
  const holder = new Construct(scope, `facts-of-${stackName(stack)}`);
  const spec: Readonly<Record<string, { readonly what: string; readonly kind: 'text' | 'list' }>> = FACTS[stack.kind];
  const facts = {};
  for (const [name, { kind }] of Object.entries(spec)) {
    let known: string | string[] | undefined;
    Object.defineProperty(facts, name, {
      enumerable: true,
      get: () => {
        if (known !== undefined) return known;
        const parameter = new DataAwsSsmParameter(holder, kebab(name), {
          name: parameterName(stack, name), ...(options.provider === undefined ? {} : { provider: options.provider }),
        });
        known = kind === 'list' ? Fn.split(',', parameter.insecureValue) : parameter.insecureValue;
        return known;
      },
    });
  }
  return facts as Facts<K>;
}
