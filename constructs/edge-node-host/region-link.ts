/**
 * The way from a site's network to its region: an endpoint of the region's PrivateLink service in the site's own network, and a
 * private zone that makes the replicas' names lead to it. Nothing of the region can call the site by it.
 */
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { Route53Zone } from '@cdktf/provider-aws/lib/route53-zone/index.js';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint/index.js';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { SecurityGroup } from '../network/index.ts';
import { type Rule } from '../stateful-host/index.ts';
import { checkLink } from './containers.ts';
import { REGION_PORT } from './defaults.ts';

export interface RegionLinkProps {
  /** What everything of it is called: `tidemark-production-eu-fra-1`. */
  readonly name: string;
  readonly vpcId: string;
  /** In zones of the AWS region: Local Zones, Wavelength Zones and Outposts have no endpoints. Each costs by the hour. */
  readonly subnetIds: readonly string[];
  /** The region's VPC endpoint service. */
  readonly serviceName: string;
  /** AWS region of the service. @default - the network's own */
  readonly serviceRegion?: string;
  /** Domain that the replicas' names are below: `eu.clearing.example.com`. In this network, nothing else below it has a name. */
  readonly domain: string;
  /** Names of the replicas, below `domain`. */
  readonly hosts: readonly string[];
}

/** Whoever calls the region: an edge node's host. */
export interface LinkClient {
  readonly securityGroupId: string;
  readonly allowTo: (id: string, rule: Rule) => void;
}

export class RegionLink extends Construct {
  readonly endpoint: VpcEndpoint;
  readonly securityGroup: SecurityGroup;
  readonly zone: Route53Zone;

  constructor(scope: Construct, id: string, props: RegionLinkProps) {
    super(scope, id);
    const { name, vpcId, subnetIds, domain, hosts } = props;
    check(this, (m) => {
      checkLink(m, '', props);
    });
    this.securityGroup = new SecurityGroup(this, 'security-group', { name: `${name}-region-link`, vpcId, description: `Way of ${name} to its region` });
    this.endpoint = new VpcEndpoint(this, 'endpoint', {
      vpcId, vpcEndpointType: 'Interface', serviceName: props.serviceName, ...(props.serviceRegion === undefined ? {} : { serviceRegion: props.serviceRegion }),
      subnetIds: [...subnetIds], securityGroupIds: [this.securityGroup.id],
      // The names are the region's own, not AWS's: the zone below gives them.
      privateDnsEnabled: false, tags: { Name: `${name}-region` },
    });
    this.zone = new Route53Zone(this, 'zone', { name: domain, comment: `Replicas, as ${name} reaches them`, vpc: [{ vpcId }] });
    const front = this.endpoint.dnsEntry.get(0);
    for (const [i, host] of hosts.entries()) {
      new Route53Record(this, `name-${i}`, {
        zoneId: this.zone.zoneId, name: host, type: 'A', alias: { name: front.dnsName, zoneId: front.hostedZoneId, evaluateTargetHealth: false },
      });
    }
  }

  /** Lets a host use it. */
  readonly allow = (what: string, client: LinkClient): void => {
    this.securityGroup.allowFrom(what, { securityGroupId: client.securityGroupId }, REGION_PORT);
    client.allowTo('region', { securityGroupId: this.securityGroup.id, port: REGION_PORT, description: 'Replicas of the region' });
  };
}
