/**
 * The way into a region for its edge nodes: a load balancer that only speaks to clients with a certificate of the platform's own
 * authorities, one host name per replica; published as a PrivateLink service, and for sites on premises in the internet as well.
 */
import { DataAwsVpcEndpointService } from '@cdktf/provider-aws/lib/data-aws-vpc-endpoint-service/index.js';
import { Lb } from '@cdktf/provider-aws/lib/lb/index.js';
import { LbListener, type LbListenerDefaultAction } from '@cdktf/provider-aws/lib/lb-listener/index.js';
import { LbListenerRule } from '@cdktf/provider-aws/lib/lb-listener-rule/index.js';
import { LbTargetGroup } from '@cdktf/provider-aws/lib/lb-target-group/index.js';
import { LbTargetGroupAttachment } from '@cdktf/provider-aws/lib/lb-target-group-attachment/index.js';
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { VpcEndpointService } from '@cdktf/provider-aws/lib/vpc-endpoint-service/index.js';
import { VpcEndpointServiceAllowedPrincipal } from '@cdktf/provider-aws/lib/vpc-endpoint-service-allowed-principal/index.js';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { SecurityGroup } from '../network/index.ts';
import { PublicCertificate } from './certificate.ts';
import { HEALTH_CHECK, INGRESS_HEALTH_PORT, INGRESS_PORT, LIMITS, REGION_INGRESS_DEFAULTS } from './defaults.ts';
import { Front } from './front.ts';
import { shortened } from './names.ts';
import { TrustStore } from './trust-store.ts';

export { PublicCertificate, type PublicCertificateProps } from './certificate.ts';
export { REGION_INGRESS_DEFAULTS } from './defaults.ts';
export { shortened } from './names.ts';

export interface IngressReplica {
  /** Host name that this replica is called by, and no other: `r0.eu.clearing.example.com`. */
  readonly host: string;
  /** EC2 instance that it runs on, or its IP address: see `targetType`. */
  readonly targetId: string;
  /** Security group of it; that it lets the load balancer in is its owner's to say. */
  readonly securityGroupId: string;
}

export interface RegionIngressProps {
  /** What every name starts with: `tidemark-production-eu`. */
  readonly name: string;
  readonly vpcId: string;
  /** Private subnets, in two zones at least. */
  readonly subnetIds: readonly string[];
  /** AWS region of all this. */
  readonly awsRegion: string;
  readonly replicas: readonly IngressReplica[];
  /** Whether `targetId` is an instance or an address. @default 'instance' */
  readonly targetType?: 'instance' | 'ip';
  /** Port of the replicas, which serve TLS there. */
  readonly port: number;
  /** Path that answers 200 when a replica serves. */
  readonly healthPath: string;
  /** Public Route 53 zone of the host names: the certificate is proven there. */
  readonly hostedZoneId: string;
  /** PEM certificates of the authorities that clients' certificates are of. */
  readonly authorities: string;
  /** Where each request is logged, and each connection with its certificate. */
  readonly logs: IngressLogs;
  /** Unique in all of S3: a bucket for the authorities, which the load balancer reads from there. */
  readonly bucketName: string;
  /** ARNs that may connect by PrivateLink without being asked: accounts (`arn:aws:iam::<id>:root`), roles. */
  readonly principals: readonly string[];
  /** AWS regions that edge nodes connect from. @default - this one */
  readonly clientRegions?: readonly string[];
  /** A way in from the internet, for sites that are not on AWS; mutual TLS as everywhere. @default - none */
  readonly publicIngress?: PublicIngressProps;
  /** Whether the load balancers refuse to be deleted. @default true */
  readonly deletionProtection?: boolean;
  /** Elastic Load Balancing's name of the protocols and ciphers. @default - TLS 1.3 only */
  readonly tlsPolicy?: string;
}

export interface IngressLogs {
  /** Bucket in the same AWS region that load balancers deliver to; LogBucket is one. */
  readonly bucketName: string;
  /** Folder in it: `alb`. */
  readonly prefix: string;
  /** Folder in it for requests to the bucket of the authorities: `s3/authorities/`. @default - they are not logged */
  readonly bucketPrefix?: string;
}

export interface PublicIngressProps {
  /** Public subnets. */
  readonly subnetIds: readonly string[];
  /** Networks that may connect: the sites' own addresses. @default - all: sites behind providers that change their address */
  readonly clientCidrs?: readonly string[];
}

/** A way into a region, made here or by another stack. */
export interface IngressAttributes {
  /** Name of the VPC endpoint service. */
  readonly serviceName: string;
  /** AWS region of the service. */
  readonly serviceRegion: string;
  /** Base URLs of the replicas, in order. */
  readonly urls: readonly string[];
}

export class RegionIngress extends Construct implements IngressAttributes {
  readonly serviceName: string;
  readonly serviceRegion: string;
  readonly urls: readonly string[];
  /** Whom the replicas must let in on their port. */
  readonly securityGroupId: string;
  /** DNS name of the load balancer in the internet. */
  readonly publicName: string | undefined;
  readonly balancer: Lb;
  /** That one, and those in front of it. */
  readonly balancers: readonly Lb[];
  readonly listener: LbListener;
  readonly trustStore: TrustStore;
  readonly certificate: PublicCertificate;
  readonly service: VpcEndpointService;
  readonly targetGroups: readonly LbTargetGroup[];

  constructor(scope: Construct, id: string, props: RegionIngressProps) {
    super(scope, id);
    checkProps(this, props);
    const deletionProtection = props.deletionProtection ?? REGION_INGRESS_DEFAULTS.deletionProtection;
    const name = shortened(props.name, LIMITS.name);

    const firewall = new SecurityGroup(this, 'firewall', {
      name: `${props.name}-ingress`, vpcId: props.vpcId, description: `Load balancer of the replicas of ${props.name}`,
    });
    const groups = new Set(props.replicas.map((replica) => replica.securityGroupId));
    for (const [i, securityGroupId] of [...groups].entries()) firewall.allowTo(`replicas ${i}`, { securityGroupId }, props.port);
    this.securityGroupId = firewall.id;

    // Files of the two differ in their names.
    const logs = { bucket: props.logs.bucketName, prefix: props.logs.prefix, enabled: true };
    this.balancer = new Lb(this, 'balancer', {
      name, loadBalancerType: 'application', internal: true, subnets: [...props.subnetIds], securityGroups: [firewall.id],
      dropInvalidHeaderFields: true, desyncMitigationMode: 'strictest', idleTimeout: REGION_INGRESS_DEFAULTS.idleSeconds,
      enableDeletionProtection: deletionProtection,
      accessLogs: logs, connectionLogs: logs,
    });
    this.certificate = new PublicCertificate(this, 'certificate', {
      names: props.replicas.map((replica) => replica.host) as [string, ...string[]], hostedZoneId: props.hostedZoneId,
    });
    const { bucketName, bucketPrefix: prefix } = props.logs;
    this.trustStore = new TrustStore(this, 'clients', {
      name, bucketName: props.bucketName, authorities: props.authorities, ...(prefix === undefined ? {} : { accessLogs: { bucketName, prefix } }),
    });
    const tls = {
      loadBalancerArn: this.balancer.arn, protocol: 'HTTPS', certificateArn: this.certificate.arn, sslPolicy: props.tlsPolicy ?? REGION_INGRESS_DEFAULTS.tlsPolicy,
    };
    const answer = (statusCode: string, messageBody: string): LbListenerDefaultAction =>
      ({ type: 'fixed-response', fixedResponse: { contentType: 'text/plain', statusCode, messageBody } });
    this.listener = new LbListener(this, 'listener', {
      ...tls, port: INGRESS_PORT, defaultAction: [answer('404', 'no replica has this host name')],
      mutualAuthentication: { mode: 'verify', trustStoreArn: this.trustStore.arn, ignoreClientCertificateExpiry: false },
    });
    const health = new LbListener(this, 'health', { ...tls, port: INGRESS_HEALTH_PORT, defaultAction: [answer('200', 'here')] });
    this.targetGroups = props.replicas.map((replica, i) => this.#route(replica, i, props));

    const front = { vpcId: props.vpcId, deletionProtection, balancer: this.balancer, securityGroup: firewall, listeners: [this.listener, health] };
    const privateFront = new Front(this, 'private', { ...front, name: `${props.name}-link`, subnetIds: props.subnetIds, internal: true });
    this.service = new VpcEndpointService(this, 'service', {
      acceptanceRequired: false, networkLoadBalancerArns: [privateFront.balancer.arn],
      ...(props.clientRegions === undefined ? {} : { supportedRegions: [...new Set([props.awsRegion, ...props.clientRegions])].sort() }),
      tags: { Name: props.name },
    });
    for (const arn of props.principals) this.allowPrincipal(arn);
    this.serviceName = this.service.serviceName;
    this.serviceRegion = props.awsRegion;
    this.urls = props.replicas.map((replica) => `https://${replica.host}`);
    const publicFront = props.publicIngress === undefined ? undefined : this.#openToInternet(props, props.publicIngress, front);
    this.publicName = publicFront?.balancer.dnsName;
    this.balancers = [this.balancer, privateFront.balancer, ...(publicFront === undefined ? [] : [publicFront.balancer])];
  }

  /** Lets an account (`arn:aws:iam::<id>:root`), role or user connect to the PrivateLink service. */
  readonly allowPrincipal = (arn: string): void => {
    const count = this.node.children.filter((child) => child instanceof VpcEndpointServiceAllowedPrincipal).length;
    new VpcEndpointServiceAllowedPrincipal(this, `principal-${count}`, { vpcEndpointServiceId: this.service.id, principalArn: arn });
  };

  #route(replica: IngressReplica, i: number, props: RegionIngressProps): LbTargetGroup {
    const group = new LbTargetGroup(this, `replica-${i}`, {
      name: shortened(`${props.name}-r${i}`, LIMITS.name), vpcId: props.vpcId, targetType: props.targetType ?? 'instance',
      protocol: 'HTTPS', port: props.port, deregistrationDelay: String(REGION_INGRESS_DEFAULTS.drainSeconds),
      healthCheck: { ...HEALTH_CHECK, protocol: 'HTTPS', path: props.healthPath },
    });
    new LbTargetGroupAttachment(this, `target-${i}`, { targetGroupArn: group.arn, targetId: replica.targetId, port: props.port });
    new LbListenerRule(this, `rule-${i}`, {
      listenerArn: this.listener.arn, priority: i + 1, condition: [{ hostHeader: { values: [replica.host] } }],
      action: [{ type: 'forward', targetGroupArn: group.arn }],
    });
    return group;
  }

  #openToInternet(
    props: RegionIngressProps, open: PublicIngressProps, front: Omit<ConstructorParameters<typeof Front>[2], 'name' | 'subnetIds' | 'internal'>,
  ): Front {
    const made = new Front(this, 'public', { ...front, name: `${props.name}-public`, subnetIds: open.subnetIds, internal: false });
    const { balancer, securityGroup } = made;
    for (const [i, cidr] of (open.clientCidrs ?? ['0.0.0.0/0']).entries()) securityGroup.allowFrom(`sites on premises ${i}`, { cidr }, INGRESS_PORT);
    for (const [i, { host }] of props.replicas.entries()) {
      new Route53Record(this, `name-${i}`, {
        zoneId: props.hostedZoneId, name: host, type: 'A', alias: { name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: true },
      });
    }
    return made;
  }

  /** The way into a region that another stack made; that its service exists and may be connected to is seen when this one is planned. */
  static fromAttributes(scope: Construct, id: string, attributes: IngressAttributes): IngressAttributes {
    const found = new DataAwsVpcEndpointService(scope, id, { serviceName: attributes.serviceName, serviceRegions: [attributes.serviceRegion] });
    return { ...attributes, serviceName: found.serviceName };
  }
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/;

function checkProps(scope: Construct, props: RegionIngressProps): void {
  check(scope, (m) => {
    m.text('name', props.name, /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, 'lower case letters, digits and hyphens, such as tidemark-production-eu');
    if (props.subnetIds.length < 2) m.add(`subnetIds: expected subnets in two zones at least, got ${props.subnetIds.length}`);
    if (props.replicas.length === 0 || props.replicas.length > LIMITS.rules) m.add(`replicas: expected 1 to ${LIMITS.rules}, got ${props.replicas.length}`);
    for (const [i, { host }] of props.replicas.entries()) m.text(`replicas[${i}].host`, host, HOST, 'a DNS name');
    if (new Set(props.replicas.map((replica) => replica.host)).size < props.replicas.length) m.add('replicas: two have the same host; each needs its own');
    m.range('port', props.port, 1, 65_535, 'port');
    m.text('healthPath', props.healthPath, /^\/[\w./-]*$/, 'a path such as /healthz');
    m.text('authorities', props.authorities, /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/, 'PEM certificates');
    if (/PRIVATE KEY/.test(props.authorities)) m.add('authorities: holds a private key; give the certificates alone');
    if (props.principals.length === 0) m.add('principals: nobody could connect; give the account, such as arn:aws:iam::123456789012:root');
    if (props.publicIngress !== undefined && props.publicIngress.subnetIds.length === 0) m.add('publicIngress.subnetIds: expected at least one, got none');
  });
}
