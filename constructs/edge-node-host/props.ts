/** What one says to get an edge node. */
import { type PeerAddress, type Size } from '../../platform/index.ts';
import { type StatefulHostProps } from '../stateful-host/index.ts';
import { type ITelemetryPipeline } from '../telemetry-pipeline/index.ts';

/** A machine of AWS's, in a subnet that exists. */
export interface CloudPlace extends Pick<StatefulHostProps, 'vpcId' | 'subnetId' | 'zone' | 'outpostArn' | 'privateIp'> {
  readonly kind: 'region' | 'local-zone' | 'wavelength' | 'outpost';
  /** In a Wavelength Zone: an address of the carrier's for clients on its network. @default - none: clients come through AWS */
  readonly carrier?: CarrierProps;
}

export interface CarrierProps {
  /** Route table of the subnet: its way out becomes the carrier gateway, of which a VPC has one. */
  readonly routeTableId: string;
  /** Of the Wavelength Zone: `eu-central-1-wl1-ber-wlz-1`. */
  readonly networkBorderGroup: string;
}

/** A machine of one's own, with Docker, a folder for the data, and a way to AWS at port 443. */
export interface OnPremises {
  readonly kind: 'on-premises';
  /** Until when the machine may be registered, such as 2026-01-31T00:00:00Z, at most 30 days from now. @default - 24 hours from the first apply */
  readonly registerUntil?: string;
}

/** ARNs of secrets in the AWS region of the node. */
export interface EdgeSecrets {
  /** trust.json */
  readonly trust: string;
  /** The node's note key. */
  readonly key: string;
  /** PEM chain and key of the site's certificate: shown to the region, and to clients. @default - plain HTTP: for tries only */
  readonly certificate?: { readonly chain: string; readonly key: string };
  /** The operator's token. @default - nothing that needs it is served */
  readonly token?: string;
}

/** Another edge node that is probed, and the network (IPv4) that it is in. */
export interface EdgePeer extends PeerAddress {
  readonly cidr: string;
}

export interface EdgeNodeHostProps extends Pick<
  StatefulHostProps,
  'awsRegion' | 'encryptionKeyArn' | 'secretsKeyArn' | 'protectData' | 'snapshots' | 'patching' | 'logRetentionDays' | 'runbook' | 'amiId' | 'waitForSteadyState'
> {
  /** What everything of it is called: `tidemark-production-eu-fra-1`. */
  readonly name: string;
  /** Id of the site, as in the platform's definition. */
  readonly site: string;
  readonly place: CloudPlace | OnPremises;
  /** Base URLs of the region's replicas, in order of preference. */
  readonly regionUrls: readonly string[];
  /** The policy as canonical JSON: `policyText(platform)`. */
  readonly policy: string;
  /** The platform's SLAs as JSON: `JSON.stringify(platform.slas)`. @default - none is measured */
  readonly slas?: string;
  readonly secrets: EdgeSecrets;
  /** Other edge nodes that this one probes, in networks that it reaches. Their certificates need `authorities`. @default - none: it probes its region alone */
  readonly peers?: readonly EdgePeer[];
  /** Of the edge node, by digest. */
  readonly image: string;
  /** PEM certificates of authorities that the region's certificates are of. @default - the well-known ones */
  readonly authorities?: string;
  /** @default 'small' */
  readonly size?: Size;
  /** @default - by place and size */
  readonly instanceType?: string;
  /** GiB, 20 to 16384. @default - by size */
  readonly dataGib?: number;
  /** IPv4 networks whose clients may call the node. On premises that is for the network there to say. @default - none */
  readonly clientCidrs?: readonly string[];
  /** DNS name that clients call, for `url`. @default - the host's private address */
  readonly hostName?: string;
  /** Where metrics and traces go, and the collector's image by digest. @default - they stay in the service */
  readonly telemetry?: { readonly pipeline: ITelemetryPipeline; readonly image: string };
  /** pino level. @default 'info' */
  readonly logLevel?: string;
}
