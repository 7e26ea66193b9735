/** Sizes, the load balancer's habits, the firewall's rules. */
import type { Size } from '../../platform/index.ts';
import type { HostSize } from '../stateful-host/index.ts';

/** Port that everybody calls. */
export const PORT = 443;

/**
 * What runs it, by size. Fargate: CPU units (1024 are one core) and MiB; a host: an instance type, the container's MiB and the
 * disk's GiB. An outcome takes some 300 bytes of disk with its tile and index, so 100 GiB are three hundred million of them.
 */
export const SIZES: Readonly<Record<Size, {
  readonly fargate: { readonly cpu: number; readonly memoryMib: number };
  readonly host: HostSize;
}>> = {
  small: { fargate: { cpu: 1024, memoryMib: 2048 }, host: { instanceType: 't3.medium', memoryMib: 2560, dataGib: 50 } },
  medium: { fargate: { cpu: 2048, memoryMib: 8192 }, host: { instanceType: 'm6i.large', memoryMib: 6144, dataGib: 100 } },
  large: { fargate: { cpu: 4096, memoryMib: 16_384 }, host: { instanceType: 'm6i.xlarge', memoryMib: 13_312, dataGib: 200 } },
};

/** By CPU units: MiB that Fargate has with them. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */
export const FARGATE_MEMORY: Readonly<Record<number, { readonly least: number; readonly most: number; readonly step: number }>> = {
  512: { least: 1024, most: 4096, step: 1024 },
  1024: { least: 2048, most: 8192, step: 1024 },
  2048: { least: 4096, most: 16_384, step: 1024 },
  4096: { least: 8192, most: 30_720, step: 1024 },
  8192: { least: 16_384, most: 61_440, step: 4096 },
  16_384: { least: 32_768, most: 122_880, step: 8192 },
};

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html */
export const FARGATE_PLATFORM = '1.4.0';

export const LOG_RETENTION_DAYS = 90;

export const BALANCER = {
  /** TLS 1.3 and nothing older. */
  tlsPolicy: 'ELBSecurityPolicy-TLS13-1-3-2021-06',
  /** Seconds without a byte until a connection is closed. The service keeps its own open for longer, so it is never the one who closes first. */
  idleSeconds: 60,
  /** Seconds for the requests that are under way when the task goes. Less than the service takes to stop. */
  drainSeconds: 30,
  /** Seconds that a task has to start before the load balancer's opinion counts: a large ledger is read first. */
  graceSeconds: 300,
  /** Characters of the name of a load balancer or target group. */
  nameMax: 32,
} as const;

export const HEALTH = { interval: 10, timeout: 5, healthyThreshold: 2, unhealthyThreshold: 3, matcher: '200' } as const;

/** Requests of one address in five minutes, unless it is of a trusted network. People and their scripts stay far below. */
export const RATE_LIMIT = { requests: 2000, least: 10, most: 2_000_000_000, windowSeconds: 300 } as const;

/**
 * Groups of rules that AWS keeps, with those that only count. Bodies are signed blocks in binary, in which patterns occur by chance, and
 * large; and the services' own client names no user agent. A block that was refused would be sent again and refused again, and
 * nothing would become final.
 * https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
 */
export const MANAGED_RULES: readonly { readonly name: string; readonly countOnly: readonly string[] }[] = [
  { name: 'AWSManagedRulesAmazonIpReputationList', countOnly: [] },
  { name: 'AWSManagedRulesKnownBadInputsRuleSet', countOnly: ['JavaDeserializationRCE_BODY', 'Log4JRCE_BODY'] },
  {
    name: 'AWSManagedRulesCommonRuleSet',
    countOnly: ['NoUserAgent_HEADER', 'SizeRestrictions_BODY', 'EC2MetaDataSSRF_BODY', 'GenericLFI_BODY', 'GenericRFI_BODY', 'CrossSiteScripting_BODY'],
  },
];
