/**
 * EdgeSite: an edge site that a Pulumi program adds to a platform, whoever provisioned that. Its container, its machine's start,
 * its permissions and its names come from the same functions as those of EdgeNodeHost (constructs/edge-node-host).
 */
import type { Instance } from '@pulumi/aws/ec2/instance.js';
import type { Volume } from '@pulumi/aws/ebs/volume.js';
import { getCallerIdentityOutput } from '@pulumi/aws/getCallerIdentity.js';
import type { Role } from '@pulumi/aws/iam/role.js';
import { Activation } from '@pulumi/aws/ssm/activation.js';
import * as pulumi from '@pulumi/pulumi';
import { SERVICES } from '../../../platform/services.ts';
import { checkEdgeNode, checkLink, edgeUrl } from '../../edge-node-host/containers.ts';
import { EDGE_DEFAULTS, EDGE_SIZES } from '../../edge-node-host/defaults.ts';
import { checkUntil, installCommand } from '../../edge-node-host/install.ts';
import type { EdgeNodeHostProps, OnPremises } from '../../edge-node-host/props.ts';
import { checkHost, checkRetention, NAME, NAME_EXPECTED } from '../../stateful-host/checks.ts';
import { HOST_TAG } from '../../stateful-host/defaults.ts';
import type { StatefulHostProps } from '../../stateful-host/props.ts';
import { check, type Mistakes } from '../mistakes.ts';
import { siteName, type EdgeSiteArgs } from './args.ts';
import { carrierAccess } from './carrier.ts';
import { regionLink, type RegionLink } from './link.ts';
import { cloudMachine, machineRole, siteCluster, sitePatches, type Machine } from './machine.ts';
import { checkSecrets, makeSecrets } from './secrets.ts';
import { containersOf, siteTask, type SiteTask } from './task.ts';

const TYPE = 'tidemark:kit:EdgeSite';
const SERVICE = SERVICES['edge-node'];

/** @throws ConstructError with every mistake, before anything is registered; what is an output is looked at when it is known */
export class EdgeSite extends pulumi.ComponentResource {
  /** The machine in AWS; absent on premises. */
  readonly instance: Instance | undefined;
  /** The site's log; absent on premises. */
  readonly volume: Volume | undefined;
  readonly task: SiteTask;
  /** What the containers may do. */
  readonly taskRole: Role;
  readonly link: RegionLink | undefined;
  /** On premises: to be run once, as root, on the machine. A secret: whoever has it can be the site until a machine has used it. */
  readonly installCommand: pulumi.Output<string> | undefined;
  /** Absent on premises. */
  readonly securityGroupId: pulumi.Output<string> | undefined;
  readonly clusterArn: pulumi.Output<string>;
  readonly serviceName: pulumi.Output<string>;
  /** Base URL that clients call; on premises only known with a `hostName`. */
  readonly url: pulumi.Output<string> | undefined;
  /** TCP port that clients call. */
  readonly port: number = SERVICE.port;
  /** What an edge stack publishes: for `PublishedFacts`, or to be exported. */
  readonly facts: { readonly [F in 'securityGroupId' | 'url' | 'clusterArn' | 'serviceName']: pulumi.Output<string> };

  constructor(name: string, args: EdgeSiteArgs, options: pulumi.ComponentResourceOptions = {}) {
    const path = `${TYPE}::${name}`;
    check(path, (m) => checkSite(m, args));
    super(TYPE, name, {}, options);
    const here = { parent: this };
    const { place, link, tags = {} } = args;
    const cluster = siteCluster(name, args, here);
    const secrets = makeSecrets(name, args, here);
    const machine = place.kind === 'on-premises' ? undefined : cloudMachine(name, args, place, cluster, here);
    this.task = siteTask(name, args, { path, secrets, clusterArn: cluster.arn, after: machine === undefined ? [] : [machine.attachment] }, here);
    if (place.kind === 'on-premises') {
      this.installCommand = this.#activation(name, args, place, machineRole(name, args, cluster, this.#ownAccount(), here));
    } else {
      const { securityGroup, instance } = machine as Machine;
      if (place.carrier !== undefined) carrierAccess(name, place, place.carrier, instance, tags, here);
      if (link !== undefined) this.link = regionLink(`${name}-link`, link, { name: siteName(args.stack), vpcId: place.vpcId, client: securityGroup.id, tags }, here);
    }
    this.instance = machine?.instance;
    this.volume = machine?.volume;
    this.securityGroupId = machine?.securityGroup.id;
    this.taskRole = this.task.taskRole;
    this.clusterArn = cluster.arn;
    this.serviceName = this.task.service.name;
    const at = args.hostName === undefined ? machine?.instance.privateIp : pulumi.output(args.hostName);
    this.url = at?.apply((address) => edgeUrl(args, address));
    this.facts = {
      securityGroupId: this.securityGroupId ?? pulumi.output('-'), url: this.url ?? pulumi.output('-'), clusterArn: this.clusterArn, serviceName: this.serviceName,
    };
    this.registerOutputs({ ...this.facts, ...(this.installCommand === undefined ? {} : { installCommand: this.installCommand }) });
  }

  /** Nobody else's Systems Manager takes on the role. */
  #ownAccount(): { readonly service: string; readonly conditions: pulumi.Output<{ StringEquals: { 'aws:SourceAccount': string } }> } {
    const account = getCallerIdentityOutput({}, { parent: this }).accountId;
    return { service: 'ssm.amazonaws.com', conditions: account.apply((id) => ({ StringEquals: { 'aws:SourceAccount': id } })) };
  }

  #activation(id: string, args: EdgeSiteArgs, place: OnPremises, role: Role): pulumi.Output<string> {
    const name = siteName(args.stack);
    const activation = new Activation(id, {
      name, description: `The machine of ${name}`, iamRole: role.name, registrationLimit: 1,
      ...(place.registerUntil === undefined ? {} : { expirationDate: place.registerUntil }),
      // Machines get the activation's tags when they join.
      tags: { ...args.tags, Name: name, [HOST_TAG]: name },
    }, { parent: this, additionalSecretOutputs: ['activationCode'] });
    if (args.patching !== false) sitePatches(id, args, [{ key: `tag:${HOST_TAG}`, values: [name] }], { parent: this });
    return pulumi.secret(pulumi.all([activation.id, activation.activationCode]).apply(
      ([activationId, activationCode]) => installCommand({ name, awsRegion: args.awsRegion, activationId, activationCode }),
    ));
  }
}

/** Stands for what only the deployment knows, while all else is looked at. */
const LATER = { regionUrls: ['https://known.at.deployment'], policy: '{}', arn: 'arn:aws:secretsmanager:later' } as const;

function checkSite(m: Mistakes, args: EdgeSiteArgs): void {
  const { stack, place, link } = args;
  const name = siteName(stack);
  m.text('stack: the name made of it', name, NAME, NAME_EXPECTED);
  if (stack.id === undefined) m.add('stack.id: needed: the id of the site, as in the platform\'s definition');
  checkSecrets(m, args);
  const regionUrls = m.known(args.regionUrls) ? args.regionUrls as readonly string[] : LATER.regionUrls;
  const policy = m.known(args.policy) ? args.policy as string : LATER.policy;
  checkEdgeNode(m, { ...args as Pick<EdgeNodeHostProps, 'clientCidrs'>, regionUrls, policy, place });
  const { certificate, token } = args.secrets;
  containersOf(m, args, {
    regionUrls, policy, logGroupName: name, telemetryLogGroup: { name, arn: LATER.arn },
    secrets: {
      trust: LATER.arn, key: LATER.arn, ...(token === undefined ? {} : { token: LATER.arn }),
      ...(certificate === undefined ? {} : { certificate: { chain: LATER.arn, key: LATER.arn } }),
    },
  });
  if (place.kind === 'on-premises') {
    checkRetention(m, args.logRetentionDays);
    if (link !== undefined) m.add('link: on premises there is no network of AWS; the region is reached through the internet');
    checkUntil(m, 'place.registerUntil', place.registerUntil);
    return;
  }
  const size = EDGE_SIZES[place.kind][args.size ?? EDGE_DEFAULTS.size];
  const { kind, carrier: _, ...where } = place;
  checkHost(m, {
    ...args, ...where, place: kind, name, instanceType: args.instanceType ?? size.instanceType, dataGib: args.dataGib ?? size.dataGib,
    // Ids are outputs as often as not, and nothing is asked of them.
  } as unknown as StatefulHostProps);
  if (link !== undefined) checkLink(m, 'link.', link);
}
