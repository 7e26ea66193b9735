/** What one says to get an edge site in a Pulumi program. */
import type * as pulumi from '@pulumi/pulumi';
import type { StackId } from '../../common/facts.ts';
import type { CarrierProps, CloudPlace as ConstructPlace, EdgeNodeHostProps, OnPremises } from '../../edge-node-host/props.ts';

/** A machine of AWS's, in a subnet that exists. What decides how things are made is plain; ids may be outputs. */
export interface CloudPlace extends Pick<ConstructPlace, 'kind' | 'zone' | 'privateIp'> {
  readonly kind: 'region' | 'local-zone' | 'wavelength' | 'outpost';
  readonly vpcId: pulumi.Input<string>;
  readonly subnetId: pulumi.Input<string>;
  /** For an Outpost: its ARN. */
  readonly outpostArn?: pulumi.Input<string>;
  /** In a Wavelength Zone: an address of the carrier's. @default - none: clients come through AWS */
  readonly carrier?: Omit<CarrierProps, 'routeTableId'> & { readonly routeTableId: pulumi.Input<string> };
}

/** A secret of the site: exactly one of a secret that is in Secrets Manager, and a value to put there. */
export interface SecretSource {
  /** ARN in the AWS region of the node. */
  readonly arn?: pulumi.Input<string>;
  /** What it holds: best an output that is secret, such as `config.requireSecret('key')`. It is treated as one in any case. */
  readonly value?: pulumi.Input<string>;
}

export interface SiteSecrets {
  /** trust.json */
  readonly trust: SecretSource;
  /** The node's note key. */
  readonly key: SecretSource;
  /** PEM chain and key of the site's certificate: shown to the region, and to clients. @default - plain HTTP: for tries only */
  readonly certificate?: { readonly chain: SecretSource; readonly key: SecretSource };
  /** The operator's token. @default - nothing that needs it is served */
  readonly token?: SecretSource;
}

/** The way to the region through PrivateLink; see RegionLink of constructs/edge-node-host. */
export interface LinkArgs {
  /** In zones of the AWS region: Local Zones, Wavelength Zones and Outposts have no endpoints. */
  readonly subnetIds: readonly pulumi.Input<string>[];
  /** The region's VPC endpoint service: the fact `endpointServiceName`. */
  readonly serviceName: pulumi.Input<string>;
  /** AWS region of the service. @default - the network's own */
  readonly serviceRegion?: pulumi.Input<string>;
  /** Domain that the replicas' names are below: `eu.clearing.example.com`. */
  readonly domain: string;
  /** Names of the replicas: `replicaHosts(platform.deploy, region)`. */
  readonly hosts: readonly string[];
}

export interface TelemetryArgs {
  /** CloudWatch namespace: `metricNamespace(platform, environment)`. */
  readonly namespace: string;
  /** AWS region of the control plane. */
  readonly awsRegion: string;
  /** The facts `telemetryLogGroupName` and `telemetryLogGroupArn` of the control plane. */
  readonly logGroupName: pulumi.Input<string>;
  readonly logGroupArn: pulumi.Input<string>;
  /** The collector's, by digest. */
  readonly image: string;
}

export interface EdgeSiteArgs extends Pick<
  EdgeNodeHostProps,
  'awsRegion' | 'snapshots' | 'patching' | 'logRetentionDays' | 'runbook' | 'amiId' | 'waitForSteadyState' | 'image' | 'slas' | 'authorities'
  | 'size' | 'instanceType' | 'dataGib' | 'clientCidrs' | 'hostName' | 'logLevel' | 'protectData'
> {
  /** The site: `{ platform, environment, kind: 'edge', id }`. Everything is named after it, as the platform's own stacks do. */
  readonly stack: StackId<'edge'>;
  readonly place: CloudPlace | OnPremises;
  /** Base URLs of the region's replicas, in order of preference: the fact `replicaUrls`. */
  readonly regionUrls: pulumi.Input<readonly string[]>;
  /** The policy as canonical JSON: `policyText(platform)`. */
  readonly policy: pulumi.Input<string>;
  readonly secrets: SiteSecrets;
  /** Key for disks, logs and secrets; its policy has to let CloudWatch Logs of `awsRegion` use it. */
  readonly encryptionKeyArn: pulumi.Input<string>;
  /** Key of the site's secrets, of those that are made here and those that are there. @default - `encryptionKeyArn` */
  readonly secretsKeyArn?: pulumi.Input<string>;
  /** ECR repositories of the images, for the right to fetch them. @default - none: the images are public */
  readonly repositoryArns?: readonly pulumi.Input<string>[];
  /** @default - none: the region is reached as the network says */
  readonly link?: LinkArgs;
  /** @default - metrics and traces stay in the service */
  readonly telemetry?: TelemetryArgs;
  /** On everything that carries tags, beside its own. @default - none */
  readonly tags?: Readonly<Record<string, string>>;
}

/** `tidemark-production-eu-fra-1`: what everything of the site is called, as in the platform's own stacks. */
export const siteName = ({ platform, environment, id }: StackId<'edge'>): string => `${platform}-${environment}-${id}`;
