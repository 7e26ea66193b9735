/** The way to the control plane: a load balancer with a public certificate for one host name, which everything else is turned away from. */
import { LbListenerRule } from '@cdktf/provider-aws/lib/lb-listener-rule/index.js';
import { LbListener } from '@cdktf/provider-aws/lib/lb-listener/index.js';
import { LbTargetGroup } from '@cdktf/provider-aws/lib/lb-target-group/index.js';
import { Lb } from '@cdktf/provider-aws/lib/lb/index.js';
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { Construct } from 'constructs';
import { SecurityGroup } from '../network/security-group.ts';
import { PublicCertificate } from '../region-ingress/certificate.ts';
import { shortened } from '../region-ingress/names.ts';
import { BALANCER, HEALTH, PORT } from './defaults.ts';
import type { FrontDoorProps } from './props.ts';

export interface Target {
  readonly name: string;
  readonly vpcId: string;
  readonly targetType: 'ip' | 'instance';
  readonly protocol: 'HTTP' | 'HTTPS';
  readonly port: number;
  readonly healthPath: string;
}

export class FrontDoor extends Construct {
  readonly balancer: Lb;
  readonly listener: LbListener;
  readonly securityGroup: SecurityGroup;
  readonly certificateArn: string;
  readonly targetGroup: LbTargetGroup;
  /** What leads to the target group: whoever registers there waits for it. */
  readonly rule: LbListenerRule;

  constructor(scope: Construct, id: string, props: FrontDoorProps & Target) {
    super(scope, id);
    const name = shortened(props.name, BALANCER.nameMax);
    this.securityGroup = new SecurityGroup(this, 'security-group', { name: `${props.name}-balancer`, vpcId: props.vpcId, description: `Load balancer of ${props.name}` });
    for (const cidr of props.clientCidrs) this.securityGroup.allowFrom(`Clients in ${cidr}`, { cidr }, PORT);
    const logs = { bucket: props.accessLogs.bucketName, enabled: true, prefix: props.accessLogs.prefix };
    this.balancer = new Lb(this, 'balancer', {
      name, loadBalancerType: 'application', internal: props.internetFacing !== true, subnets: [...props.balancerSubnetIds], securityGroups: [this.securityGroup.id],
      dropInvalidHeaderFields: true, desyncMitigationMode: 'strictest', idleTimeout: BALANCER.idleSeconds, enableWafFailOpen: false,
      enableDeletionProtection: props.protected ?? true, accessLogs: logs, connectionLogs: logs, tags: { Name: props.name },
    });
    this.certificateArn = props.certificateArn ?? new PublicCertificate(this, 'certificate', { names: [props.hostName], hostedZoneId: props.hostedZoneId }).arn;
    this.targetGroup = new LbTargetGroup(this, 'targets', {
      name, vpcId: props.vpcId, targetType: props.targetType, protocol: props.protocol, port: props.port, deregistrationDelay: String(BALANCER.drainSeconds),
      healthCheck: { ...HEALTH, protocol: props.protocol, path: props.healthPath }, tags: { Name: props.name },
    });
    this.listener = new LbListener(this, 'listener', {
      loadBalancerArn: this.balancer.arn, port: PORT, protocol: 'HTTPS', sslPolicy: props.tlsPolicy ?? BALANCER.tlsPolicy, certificateArn: this.certificateArn,
      defaultAction: [{ type: 'fixed-response', fixedResponse: { contentType: 'text/plain', statusCode: '404', messageBody: 'nothing has this host name' } }],
    });
    this.rule = new LbListenerRule(this, 'rule', {
      listenerArn: this.listener.arn, priority: 1, condition: [{ hostHeader: { values: [props.hostName] } }],
      action: [{ type: 'forward', targetGroupArn: this.targetGroup.arn }],
    });
    // A public name for private addresses: every peer resolves it, whichever network it asks from.
    new Route53Record(this, 'name', {
      zoneId: props.hostedZoneId, name: props.hostName, type: 'A',
      alias: { name: this.balancer.dnsName, zoneId: this.balancer.zoneId, evaluateTargetHealth: false },
    });
  }
}
