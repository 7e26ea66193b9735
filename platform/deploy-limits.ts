/** What a `deploy` section may say, and what it means by default: data, with the source of each limit. */
import type { Deploy, Shape, Size, Storage } from './deploy.ts';

export const SHAPES = ['pilot', 'production'] as const satisfies readonly Shape[];
export const STORAGES = ['embedded', 'managed'] as const satisfies readonly Storage[];
export const SIZES = ['small', 'medium', 'large'] as const satisfies readonly Size[];
export const TIERS = ['controlPlane', 'region', 'edge'] as const satisfies readonly (keyof Deploy['sizes'])[];

interface ShapeDefaults {
  readonly storage: Storage;
  readonly sizes: Deploy['sizes'];
  readonly auditDays: number;
}

export const SHAPE_DEFAULTS: Readonly<Record<Shape, ShapeDefaults>> = {
  pilot: { storage: 'embedded', sizes: { controlPlane: 'small', region: 'small', edge: 'small' }, auditDays: 30 },
  production: { storage: 'managed', sizes: { controlPlane: 'medium', region: 'medium', edge: 'small' }, auditDays: 3_650 },
};

export const ACCOUNT = /^\d{12}$/;
export const ACCOUNT_ALLOWED = 'an AWS account: 12 digits, as a string';

/** RFC 1123 labels in lower case; the last one is no number. At least two, as no one owns a single one. */
export const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;
export const DOMAIN_ALLOWED = 'a DNS domain in lower case, without scheme or dot at the end: clearing.example.com';

/** CloudWatch Logs API, PutRetentionPolicy. */
export const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1_096, 1_827, 2_192, 2_557, 2_922, 3_288, 3_653] as const;

/** Endpoints of each SNS topic that make sense; the service allows millions. */
export const CONTACTS_MAX = 20;

/**
 * 50 tags on a resource (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html); ten are for the
 * kit's own.
 */
export const TAG_LIMITS = {
  count: 40, key: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u, value: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u,
} as const;

/** GiB of an EBS volume of type gp3, from what a log needs to the most there is. */
export const DISK_GIB = { least: 20, most: 16_384 } as const;

/** Rules of a security group: 60 by default (Amazon VPC quotas); ten are for the kit's own. */
export const CLIENT_CIDRS_MAX = 50;

export const NAME_LIMITS = {
  /** `<platform>-<environment>`: S3 bucket names (63) hold purpose, account and AWS region as well. */
  prefixMax: 28,
  /** `<platform>-<environment>-<site>`: names of IAM roles (64) end in what the role is for, up to 20 characters. */
  siteMax: 44,
  /** The first name of an ACM certificate is its common name: 64 (RFC 5280, ub-common-name). */
  certificateMax: 64,
} as const;

/** `arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0` */
export const OUTPOST_ARN = /^arn:aws:outposts:(?<region>[a-z0-9-]+):\d{12}:outpost\/op-[0-9a-f]{17}$/;
export const OUTPOST_ARN_ALLOWED = 'the ARN of an Outpost: arn:aws:outposts:<AWS region>:<account>:outpost/op-<17 hexadecimal digits>';
