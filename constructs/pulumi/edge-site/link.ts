/** The way from the site's network to its region, as RegionLink of constructs/edge-node-host makes it. */
import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { VpcEndpoint } from '@pulumi/aws/ec2/vpcEndpoint.js';
import { Record as DnsRecord } from '@pulumi/aws/route53/record.js';
import { Zone } from '@pulumi/aws/route53/zone.js';
import { SecurityGroupEgressRule } from '@pulumi/aws/vpc/securityGroupEgressRule.js';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule.js';
import type * as pulumi from '@pulumi/pulumi';
import { REGION_PORT } from '../../edge-node-host/defaults.ts';
import type { LinkArgs } from './args.ts';

export interface RegionLink {
  readonly endpoint: VpcEndpoint;
  readonly securityGroup: SecurityGroup;
  readonly zone: Zone;
}

interface LinkContext {
  readonly name: string;
  readonly vpcId: pulumi.Input<string>;
  /** Of the edge node. */
  readonly client: pulumi.Input<string>;
  readonly tags: Readonly<Record<string, string>>;
}

export function regionLink(id: string, args: LinkArgs, { name, vpcId, client, tags }: LinkContext, options: pulumi.CustomResourceOptions): RegionLink {
  const securityGroup = new SecurityGroup(id, {
    name: `${name}-region-link`, vpcId, description: `Way of ${name} to its region`, tags: { ...tags, Name: `${name}-region-link` },
  }, { ...options, deleteBeforeReplace: true });
  const rule = { ipProtocol: 'tcp', fromPort: REGION_PORT, toPort: REGION_PORT };
  new SecurityGroupIngressRule(`${id}-from-node`, {
    ...rule, securityGroupId: securityGroup.id, referencedSecurityGroupId: client, description: 'Edge node',
  }, options);
  new SecurityGroupEgressRule(`${id}-from-node-out`, {
    ...rule, securityGroupId: client, referencedSecurityGroupId: securityGroup.id, description: 'Replicas of the region',
  }, options);
  const endpoint = new VpcEndpoint(id, {
    vpcId, vpcEndpointType: 'Interface', serviceName: args.serviceName, ...(args.serviceRegion === undefined ? {} : { serviceRegion: args.serviceRegion }),
    subnetIds: [...args.subnetIds], securityGroupIds: [securityGroup.id],
    // The names are the region's own, not AWS's: the zone below gives them.
    privateDnsEnabled: false, tags: { ...tags, Name: `${name}-region` },
  }, options);
  const zone = new Zone(id, { name: args.domain, comment: `Replicas, as ${name} reaches them`, vpcs: [{ vpcId }], tags: { ...tags } }, options);
  const front = endpoint.dnsEntries.apply((entries) => entries[0]!);
  for (const [i, host] of args.hosts.entries()) {
    new DnsRecord(`${id}-name-${i}`, {
      zoneId: zone.zoneId, name: host, type: 'A',
      aliases: [{ name: front.apply((f) => f.dnsName!), zoneId: front.apply((f) => f.hostedZoneId!), evaluateTargetHealth: false }],
    }, options);
  }
  return { endpoint, securityGroup, zone };
}
