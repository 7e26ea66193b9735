/** The control plane on a machine with a disk: for embedded storage, whose ledger and log are files on it. */
import { Construct } from 'constructs';
import { type ServiceContract } from '../../platform/index.ts';
import { serviceContainer, type Grantee, type LogTarget, type ServiceRole } from '../common/index.ts';
import type { Peer } from '../network/index.ts';
import { StatefulHost } from '../stateful-host/index.ts';
import { SIZES } from './defaults.ts';
import type { Compute } from './fargate.ts';
import type { FrontDoor } from './front-door.ts';
import type { ControlPlaneProps, HostProps } from './props.ts';

export class HostTask extends Construct implements Compute {
  readonly host: StatefulHost;
  readonly clusterArn: string;
  readonly serviceName: string;
  readonly securityGroupId: string;
  readonly logs: LogTarget;
  readonly taskRole: ServiceRole;
  readonly executionRole: ServiceRole;

  constructor(scope: Construct, id: string, props: ControlPlaneProps & { readonly compute: HostProps }, contract: ServiceContract, door: FrontDoor) {
    super(scope, id);
    const { compute } = props;
    const size = SIZES[props.size ?? 'small'].host;
    this.host = new StatefulHost(this, 'host', {
      name: props.name, vpcId: props.vpcId, subnetId: compute.subnetId, zone: compute.zone, awsRegion: props.region,
      instanceType: compute.instanceType ?? size.instanceType, dataGib: compute.dataGib ?? size.dataGib, encryptionKeyArn: props.encryptionKeyArn,
      containers: (host) => [
        serviceContainer(this, {
          service: contract, image: props.image, settings: props.settings, logs: host.logs, dataVolume: host.dataVolume, memoryMib: size.memoryMib, networkMode: host.networkMode,
        }),
        ...(props.sidecars?.(host.logs) ?? []),
      ],
      targetGroups: [{ arn: door.targetGroup.arn, container: contract.id, port: contract.port }], after: [door.rule],
      protectData: props.protected ?? true, waitForSteadyState: props.waitForSteadyState ?? false,
      ...(props.secretsKeyArn === undefined ? {} : { secretsKeyArn: props.secretsKeyArn }),
      ...(props.logRetentionDays === undefined ? {} : { logRetentionDays: props.logRetentionDays }),
      ...(props.runbook === undefined ? {} : { runbook: props.runbook }),
    });
    ({ clusterArn: this.clusterArn, serviceName: this.serviceName, securityGroupId: this.securityGroupId, logs: this.logs } = this.host);
    ({ taskRole: this.taskRole, executionRole: this.executionRole } = this.host);
    this.host.allowFrom('load-balancer', { securityGroupId: door.securityGroup.id, port: contract.port, description: 'Load balancer' });
  }

  readonly allowTo = (what: string, peer: Peer, port: number): void => {
    this.host.allowTo(what.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'), { ...peer, port, description: what });
  };

  readonly grantDeploy = (grantee: Grantee): void => this.host.grantDeploy(grantee);
}
