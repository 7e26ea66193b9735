/**
 * Adds one edge site and its alarms to a platform whose control plane and region CDKTF provisioned. The definition lists the site,
 * because policy, SLAs and names come from it; its `edge-<id>` stack is just not deployed.
 */
import { Provider } from '@pulumi/aws/provider.js';
import * as pulumi from '@pulumi/pulumi';
import { awsRegionOf, deployed, edgeHostOf, metricNamespace, policyText, replicaHosts, siteHost } from '../../../platform/index.ts';
import { ConstructError, EdgeSite, factsFromSsm, loadConfig, PublishedFacts, SlaAlarms, type StackId } from '../index.ts';

export interface Deployment {
  readonly site: EdgeSite;
  readonly alarms: SlaAlarms;
  /** What the stack exports. */
  readonly outputs: { readonly url: pulumi.Output<string>; readonly clusterArn: pulumi.Output<string>; readonly alarmNames: readonly string[] };
}

export async function deployEdge(config: pulumi.Config = new pulumi.Config()): Promise<Deployment> {
  const platform = deployed(await loadConfig(config));
  const id = config.require('site');
  const region = platform.regions.find(({ edges }) => edges.some((edge) => edge.id === id));
  const edge = region?.edges.find((one) => one.id === id);
  if (region === undefined || edge === undefined) throw new ConstructError(config.name, [`site: the definition has no edge site ${JSON.stringify(id)}`]);

  const { deploy } = platform;
  const where = edgeHostOf(platform, edge);
  if (where.kind === 'on-premises') throw new ConstructError(config.name, [`site: ${id} is on premises; this example is about AWS`]);
  const named = { platform: platform.name, environment: deploy.environment };
  const stack: StackId<'edge'> = { ...named, kind: 'edge', id };
  const tags = { ...deploy.tags, 'tidemark:platform': platform.name, 'tidemark:environment': deploy.environment, 'tidemark:stack': `edge-${id}`, 'tidemark:managed-by': 'pulumi' };
  // The site where it is; facts, alarms and topics where the control plane is.
  const accounts = deploy.accountId === undefined ? {} : { allowedAccountIds: [deploy.accountId] };
  const globalRegion = awsRegionOf(platform.controlPlane.location, platform);
  const own = new Provider('own', { region: where.awsRegion, defaultTags: { tags }, ...accounts });
  const central = new Provider('central', { region: globalRegion, defaultTags: { tags }, ...accounts });
  const centre = factsFromSsm({ ...named, kind: 'global' }, { provider: central });
  const upstream = factsFromSsm({ ...named, kind: 'region', id: region.id }, { provider: central });

  const site = new EdgeSite(id, {
    stack, awsRegion: where.awsRegion, size: where.size, hostName: siteHost(deploy, edge), tags,
    place: { kind: where.kind, zone: where.zone!, vpcId: config.require('vpcId'), subnetId: config.require('subnetId') },
    encryptionKeyArn: config.require('encryptionKeyArn'), image: config.require('image'), clientCidrs: where.clientCidrs,
    regionUrls: upstream.replicaUrls, policy: policyText(platform), slas: JSON.stringify(platform.slas), authorities: config.require('authorities'),
    // Set with `pulumi config set --secret`; the stack's state keeps them encrypted.
    secrets: {
      trust: { value: config.requireSecret('trust') }, key: { value: config.requireSecret('key') },
      certificate: { chain: { value: config.requireSecret('tlsCert') }, key: { value: config.requireSecret('tlsKey') } },
    },
    link: {
      subnetIds: config.requireObject<string[]>('linkSubnetIds'), serviceName: upstream.endpointServiceName,
      ...(where.awsRegion === awsRegionOf(region.location, platform) ? {} : { serviceRegion: upstream.endpointServiceRegion }),
      domain: siteHost(deploy, region), hosts: replicaHosts(deploy, region),
    },
    telemetry: {
      namespace: metricNamespace(platform.name, deploy.environment), awsRegion: globalRegion, image: config.require('collectorImage'),
      logGroupName: centre.telemetryLogGroupName, logGroupArn: centre.telemetryLogGroupArn,
    },
  }, { provider: own });

  const alarms = new SlaAlarms(`${id}-alarms`, {
    name: `${platform.name}-${deploy.environment}`, slas: platform.slas, scopes: [`site:${id}`], namespace: metricNamespace(platform.name, deploy.environment),
    topicArns: { page: [centre.pageTopicArn], ticket: [centre.ticketTopicArn] }, maintenanceAlarmName: centre.maintenanceAlarmName, tags,
    ...(deploy.runbooks === undefined ? {} : { runbookBaseUrl: deploy.runbooks }),
  }, { provider: central });

  new PublishedFacts(`${id}-facts`, stack, site.facts, { provider: central });
  return { site, alarms, outputs: { url: site.facts.url, clusterArn: site.clusterArn, alarmNames: alarms.alarmNames } };
}
