/**
 * How a platform is laid out on AWS: the `deploy` section of a definition. As in model.ts, `...Input` is what one writes and
 * the plain name is the same with every default filled in. Nothing here is needed to run on a laptop.
 */

/** `pilot`: small, embedded storage, cheap; `production`: managed storage, three of everything that counts. */
export type Shape = 'pilot' | 'production';
/** `embedded`: SQLite on encrypted disks; `managed`: Aurora PostgreSQL and a NATS JetStream cluster. */
export type Storage = 'embedded' | 'managed';
export type Size = 'small' | 'medium' | 'large';

export interface DeployInput {
  /** Tells deployments of one platform apart, in names, tags and parameter paths: like a site id. @default 'production' */
  readonly environment?: string;
  /** Picks the defaults below. @default 'production' */
  readonly shape?: Shape;
  /** @default - embedded for a pilot, managed for production */
  readonly storage?: Storage;
  /** The AWS account, 12 digits; credentials for another one are then refused. @default - whichever the credentials are for */
  readonly accountId?: string;
  /** Public DNS domain that this deployment's names are made below: `clearing.example.com`. */
  readonly domain: string;
  /** Id of the Route 53 hosted zone of `domain`. */
  readonly hostedZoneId: string;
  /** Where all networks are taken from: a private range, /8 to /16. @default '10.64.0.0/10' */
  readonly cidr?: string;
  /**
   * By AWS region: the availability zones that its networks are spread over, three where the control plane or a region is.
   * To be given for us-west-1, where accounts see different ones, and wherever an account lacks one of the usual three.
   * @default - the usual three: see aws.ts
   */
  readonly zones?: Readonly<Record<string, readonly string[]>>;
  /** AWS region that audit data is replicated to; another one than the control plane's. */
  readonly replicaRegion: string;
  /** PEM file with the certificates of the platform's own authority, relative to the config. @default 'keys/ca.pem' */
  readonly authorities?: string;
  /** Networks that operators call the control plane from, beside its own and the regions': a VPN's. @default - none */
  readonly operatorCidrs?: readonly string[];
  /**
   * Whether the networks of edge sites reach each other: by a transit gateway, or peering, of your own between them. Edge nodes then
   * probe each other (see peers.ts), and let each other in at the port that clients call. The kit makes no such connection.
   * @default - false: each site's network leads to its region and nowhere else, and edge nodes probe their region alone
   */
  readonly sitesConnected?: boolean;
  /** Whom alarms reach, by severity: e-mail addresses or https URLs. */
  readonly contacts: ContactsInput;
  /**
   * What runbooks that are files of a repository are found below: `https://git.example.com/clearing/blob/main/`. Alarms link to them.
   * @default - alarms name the file
   */
  readonly runbooks?: string;
  /** @default - state in a file beside the synthesized stacks */
  readonly state?: StateInput;
  readonly retention?: RetentionInput;
  /** On every resource. @default - none beside the kit's own */
  readonly tags?: Readonly<Record<string, string>>;
  /** Sizes by tier. @default - small for a pilot; medium at the centre and in regions, small at the edge for production */
  readonly sizes?: { readonly [K in 'controlPlane' | 'region' | 'edge']?: Size };
  /** What differs for one region, by id. @default - nothing */
  readonly regions?: Readonly<Record<string, RegionHostInput>>;
  /** What differs for one edge site, by id. @default - nothing */
  readonly edges?: Readonly<Record<string, EdgeHostInput>>;
}

export interface ContactsInput {
  readonly page: readonly string[];
  readonly ticket: readonly string[];
}

export interface StateInput {
  /** S3 bucket for Terraform's state; locked by a lock file beside the state (`use_lockfile`). */
  readonly bucket: string;
  /** AWS region of the bucket. */
  readonly region: string;
  /** @default - the bucket's own encryption */
  readonly kmsKeyArn?: string;
}

export interface RetentionInput {
  /** Service logs. Days, a value that CloudWatch knows. @default 90 */
  readonly logDays?: number;
  /** Backups of the ledger database. Days, 7 to 35. @default 35 */
  readonly backupDays?: number;
  /** Object Lock (compliance mode) on tiles and audit exports: nobody can delete them earlier. Days, 1 to 36500. @default - 30 for a pilot, 3650 for production */
  readonly auditDays?: number;
}

export interface RegionHostInput {
  readonly size?: Size;
  /** The region's network, a /18 of your own choosing. @default - planned from `cidr` */
  readonly cidr?: string;
}

/** Where an edge node's host is. By default it follows from the location. */
export type EdgeHostKind = 'region' | 'local-zone' | 'wavelength' | 'outpost' | 'on-premises';

export interface EdgeHostInput {
  /** @default - by location: an AWS region, a Local Zone, a Wavelength Zone; on premises for one of `locations` */
  readonly kind?: EdgeHostKind;
  readonly size?: Size;
  /** Size of the data volume. GiB, 20 to 16384. @default - by size */
  readonly diskGib?: number;
  /** Networks whose clients may call the node; anything within the site's own network may anyway. @default - none */
  readonly clientCidrs?: readonly string[];
  /** The site's network, a /24 of your own choosing. @default - planned from `cidr` */
  readonly cidr?: string;
  /**
   * Zone of the host: another one of its Local Zone's group (`us-west-2-lax-1b`), or a certain one of its AWS region. Not for
   * an Outpost, which names its own. Another zone is another machine: the site's disk does not move with it.
   * @default - the group's `a`; in an AWS region one of three, by the site's id
   */
  readonly zone?: string;
  /** For an Outpost: its ARN, and the availability zone it belongs to. */
  readonly outpost?: { readonly arn: string; readonly zone: string };
}

// ---- with defaults filled in ---------------------------------------------------------------------------------------

export interface Deploy {
  readonly environment: string;
  readonly shape: Shape;
  readonly storage: Storage;
  readonly accountId?: string;
  readonly domain: string;
  readonly hostedZoneId: string;
  readonly cidr: string;
  readonly zones: Readonly<Record<string, readonly string[]>>;
  readonly replicaRegion: string;
  readonly authorities: string;
  readonly operatorCidrs: readonly string[];
  /** Present where they are. */
  readonly sitesConnected?: true;
  readonly contacts: ContactsInput;
  readonly runbooks?: string;
  readonly state?: StateInput;
  readonly retention: Required<RetentionInput>;
  readonly tags: Readonly<Record<string, string>>;
  readonly sizes: { readonly [K in 'controlPlane' | 'region' | 'edge']: Size };
  readonly regions: Readonly<Record<string, RegionHostInput>>;
  readonly edges: Readonly<Record<string, EdgeHostInput>>;
}
