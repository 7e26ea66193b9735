/** The global control plane: one task that nobody shares its ledger with, behind a load balancer with TLS and a firewall. */
import { Construct } from 'constructs';
import { SERVICES } from '../../platform/index.ts';
import { check, type Grantee, type LogTarget, type Mistakes, type ServiceRole } from '../common/index.ts';
import { CIDR_PATTERN } from '../network/defaults.ts';
import type { Peer, SecurityGroup } from '../network/index.ts';
import { FARGATE_MEMORY, PORT, SIZES } from './defaults.ts';
import { FargateTask, type Compute } from './fargate.ts';
import { FrontDoor } from './front-door.ts';
import { HostTask } from './host.ts';
import type { ControlPlaneAttributes, ControlPlaneProps } from './props.ts';
import { WebAcl } from './web-acl.ts';

export class ControlPlane extends Construct implements ControlPlaneAttributes {
  /** A control plane that exists. */
  static fromAttributes(attributes: ControlPlaneAttributes): ControlPlaneAttributes {
    return { ...attributes };
  }

  readonly url: string;
  readonly securityGroupId: string;
  /** Of the task, which the load balancer calls and which calls regions and database. */
  readonly serviceSecurityGroupId: string;
  readonly clusterArn: string;
  readonly serviceName: string;
  readonly logs: LogTarget;
  /** What the containers may do. */
  readonly taskRole: ServiceRole;
  /** What starting them may do: grant the registry's `grantPull` to it. */
  readonly executionRole: ServiceRole;
  readonly frontDoor: FrontDoor;
  readonly webAcl: WebAcl;
  /** What runs the task: a FargateTask or a HostTask, with all resources of it. */
  readonly compute: Compute;
  readonly #firewall: SecurityGroup;

  constructor(scope: Construct, id: string, props: ControlPlaneProps) {
    super(scope, id);
    check(this, (m) => checkProps(m, props));
    const contract = SERVICES['control-plane'];
    const { compute } = props;
    this.frontDoor = new FrontDoor(this, 'front-door', {
      ...props, targetType: compute.kind === 'fargate' ? 'ip' : 'instance', port: contract.port, healthPath: contract.healthPath,
      // With a certificate the service itself speaks TLS, and no byte of it is in the clear inside the network either.
      protocol: props.settings['certificate'] === undefined ? 'HTTP' : 'HTTPS',
    });
    this.#firewall = this.frontDoor.securityGroup;
    this.webAcl = new WebAcl(this, 'web-acl', {
      name: props.name, resourceArn: this.frontDoor.balancer.arn, encryptionKeyArn: props.encryptionKeyArn,
      ...(props.trustedCidrs === undefined ? {} : { trustedCidrs: props.trustedCidrs }),
      ...(props.rateLimit === undefined ? {} : { rateLimit: props.rateLimit }),
      ...(props.logRetentionDays === undefined ? {} : { logRetentionDays: props.logRetentionDays }),
    });
    this.compute = compute.kind === 'fargate'
      ? new FargateTask(this, 'task', { ...props, compute }, contract, this.frontDoor)
      : new HostTask(this, 'task', { ...props, compute }, contract, this.frontDoor);
    this.#firewall.allowTo('Control plane', { securityGroupId: this.compute.securityGroupId }, contract.port);
    this.url = `https://${props.hostName}`;
    this.securityGroupId = this.#firewall.id;
    this.serviceSecurityGroupId = this.compute.securityGroupId;
    ({ clusterArn: this.clusterArn, serviceName: this.serviceName, logs: this.logs } = this.compute);
    ({ taskRole: this.taskRole, executionRole: this.executionRole } = this.compute);
  }

  /** Lets somebody call it: a region, an operator's network. */
  readonly allowFrom = (what: string, peer: Peer): void => void this.#firewall.allowFrom(what, peer, PORT);

  /** Lets the task call somebody on a port other than 443: a database. */
  readonly allowTo = (what: string, peer: Peer, port: number): void => this.compute.allowTo(what, peer, port);

  /** New task definitions and restarts; not what the containers do. */
  readonly grantDeploy = (grantee: Grantee): void => this.compute.grantDeploy(grantee);
}

const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;

function checkProps(m: Mistakes, props: ControlPlaneProps): void {
  const { compute } = props;
  m.text('name', props.name, /^[a-z](?:[a-z0-9-]{0,46}[a-z0-9])?$/, 'a lower-case letter, then letters, digits and hyphens, at most 48, no hyphen at the end');
  m.text('hostName', props.hostName, HOST_NAME, 'a DNS name such as control.clearing.example.com');
  m.text('image', props.image, /@sha256:[0-9a-f]{64}$/, 'an image by digest, repository@sha256:... (a tag can be moved to other bytes)');
  if (props.balancerSubnetIds.length < 2) m.add(`balancerSubnetIds: expected subnets in two zones at least, got ${props.balancerSubnetIds.length}`);
  for (const [i, cidr] of props.clientCidrs.entries()) {
    m.text(`clientCidrs[${i}]`, cidr, CIDR_PATTERN, 'an IPv4 network such as 10.64.0.0/18');
    if (props.clientCidrs.indexOf(cidr) !== i) m.add(`clientCidrs[${i}]: ${cidr} is named twice`);
    if (cidr.endsWith('/0') && props.internetFacing !== true) m.add(`clientCidrs[${i}]: ${cidr} is everybody; name networks, or say internetFacing`);
  }
  m.oneOf('size', props.size, Object.keys(SIZES));
  m.oneOf('compute.kind', compute.kind, ['fargate', 'host']);
  if (compute.kind !== 'fargate') return;
  const embedded = [props.settings['ledger'] ?? 'sqlite', props.settings['tiles'] ?? 'files'].some((setting) => setting === 'sqlite' || setting === 'files');
  if (embedded) m.add('settings.ledger, settings.tiles: on Fargate nothing of the data folder outlives a task; give postgres:// and s3:// ones, or compute of kind host');
  if (compute.subnetIds.length === 0) m.add('compute.subnetIds: none; name at least one');
  const size = SIZES[props.size ?? 'small']?.fargate ?? { cpu: 1024, memoryMib: 2048 };
  const { cpu = size.cpu, memoryMib = size.memoryMib } = compute;
  const memory = FARGATE_MEMORY[cpu];
  if (memory === undefined) m.add(`compute.cpu: expected one of ${Object.keys(FARGATE_MEMORY).join(', ')}, got ${cpu}`);
  else if (memoryMib < memory.least || memoryMib > memory.most || memoryMib % memory.step !== 0) {
    m.add(`compute.memoryMib: with ${cpu} CPU units Fargate has ${memory.least} to ${memory.most} MiB in steps of ${memory.step}, got ${memoryMib}`);
  }
}
