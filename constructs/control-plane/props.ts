/** What one says to get a control plane. */
import type { Size } from '../../platform/index.ts';
import type { ContainerDefinition, LogTarget, SettingValue } from '../common/index.ts';

export interface FrontDoorProps {
  /** Name that it is called by: `control.clearing.example.com`. */
  readonly hostName: string;
  /** Public Route 53 zone of that name. */
  readonly hostedZoneId: string;
  /** ARN of a certificate for that name. @default - one is made, proven in the zone */
  readonly certificateArn?: string;
  /** Subnets of the load balancer, in two zones at least: private ones, or public ones if it is internet-facing. */
  readonly balancerSubnetIds: readonly string[];
  /** Networks that may call: its own, those of operators. Regions add theirs by `allowFrom`. */
  readonly clientCidrs: readonly string[];
  /** Whether the load balancer has addresses in the internet; who may call is still up to `clientCidrs`. @default false */
  readonly internetFacing?: boolean;
  /** Bucket in the same AWS region that takes the load balancer's logs of requests and connections. */
  readonly accessLogs: { readonly bucketName: string; readonly prefix: string };
  /** Elastic Load Balancing's name of the protocols and ciphers. @default - TLS 1.3 only */
  readonly tlsPolicy?: string;
  /** Whether load balancer and data refuse to be deleted. @default true */
  readonly protected?: boolean;
}

/** Without a disk of its own: for managed storage. */
export interface FargateProps {
  readonly kind: 'fargate';
  /** Private subnets; the task is in one of them. */
  readonly subnetIds: readonly string[];
  /** CPU units: 512, 1024, 2048, 4096, 8192 or 16384. @default - by size */
  readonly cpu?: number;
  /** MiB, as Fargate has them with `cpu`. @default - by size */
  readonly memoryMib?: number;
  /** Of the image. @default 'X86_64' */
  readonly architecture?: 'X86_64' | 'ARM64';
}

/** On a machine with a disk: for embedded storage. */
export interface HostProps {
  readonly kind: 'host';
  /** A private subnet. */
  readonly subnetId: string;
  /** Zone of the subnet. */
  readonly zone: string;
  /** A Nitro type of the image's architecture. @default - by size */
  readonly instanceType?: string;
  /** Size of the data disk. GiB, 20 to 16384. @default - by size */
  readonly dataGib?: number;
}

export interface ControlPlaneProps extends FrontDoorProps {
  /** What everything of it is called: `tidemark-production-control`. A lower-case letter, then letters, digits and hyphens, at most 48. */
  readonly name: string;
  /** AWS region of all this. */
  readonly region: string;
  readonly vpcId: string;
  readonly compute: FargateProps | HostProps;
  /** @default 'small' */
  readonly size?: Size;
  /** Image of the service by digest: `repository@sha256:...`. */
  readonly image: string;
  /** Settings of the service by the contract's names (platform/services.ts); keys and tokens by the ARN of a secret. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** KMS key of logs, disks and the task's storage; CloudWatch Logs (and for Fargate, Fargate) must be allowed to use it. */
  readonly encryptionKeyArn: string;
  /** Key of the secrets. @default - `encryptionKeyArn` */
  readonly secretsKeyArn?: string;
  /** Containers beside the service's, such as a collector. @default - none */
  readonly sidecars?: (logs: LogTarget) => readonly ContainerDefinition[];
  /** Networks whose requests are not limited: those of the platform's own sites. @default - none */
  readonly trustedCidrs?: readonly string[];
  /** Requests of one other address in five minutes. @default 2000 */
  readonly rateLimit?: number;
  /** Days that logs are kept; a value that CloudWatch knows. @default 90 */
  readonly logRetentionDays?: number;
  /** Whether an apply waits until a new task runs. @default false */
  readonly waitForSteadyState?: boolean;
  /** For a host: where what to do is written when the machine fails. @default - docs/operations.md */
  readonly runbook?: string;
}

export interface ControlPlaneAttributes {
  /** Base URL: `https://control.clearing.example.com`. */
  readonly url: string;
  /** Of the load balancer. */
  readonly securityGroupId: string;
}
