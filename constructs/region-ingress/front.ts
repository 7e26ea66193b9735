/** A network load balancer in front of an application load balancer: what gives it a PrivateLink service, or addresses in the internet. */
import { Lb } from '@cdktf/provider-aws/lib/lb/index.js';
import { LbListener } from '@cdktf/provider-aws/lib/lb-listener/index.js';
import { LbTargetGroup } from '@cdktf/provider-aws/lib/lb-target-group/index.js';
import { LbTargetGroupAttachment } from '@cdktf/provider-aws/lib/lb-target-group-attachment/index.js';
import { type ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { SecurityGroup } from '../network/index.ts';
import { HEALTH_CHECK, INGRESS_HEALTH_PORT, INGRESS_PORT, LIMITS } from './defaults.ts';
import { shortened } from './names.ts';

export interface FrontProps {
  readonly name: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly internal: boolean;
  readonly deletionProtection: boolean;
  readonly balancer: Lb;
  /** Of the load balancer behind: connections are accepted there from this one. */
  readonly securityGroup: SecurityGroup;
  /** Listeners of the load balancer behind: it can be a target only when they are there. */
  readonly listeners: readonly ITerraformDependable[];
}

export class Front extends Construct {
  readonly balancer: Lb;
  readonly securityGroup: SecurityGroup;

  constructor(scope: Construct, id: string, props: FrontProps) {
    super(scope, id);
    const name = shortened(props.name, LIMITS.name);
    this.securityGroup = new SecurityGroup(this, 'firewall', {
      name: props.name, vpcId: props.vpcId, description: `Network load balancer ${props.name}`,
    });
    for (const [what, port] of [['calls', INGRESS_PORT], ['health of the load balancer', INGRESS_HEALTH_PORT]] as const) {
      this.securityGroup.allowTo(what, { securityGroupId: props.securityGroup.id }, port);
      props.securityGroup.allowFrom(`${what} through ${id}`, { securityGroupId: this.securityGroup.id }, port);
    }
    this.balancer = new Lb(this, 'balancer', {
      name, loadBalancerType: 'network', internal: props.internal, subnets: [...props.subnetIds], securityGroups: [this.securityGroup.id],
      enableCrossZoneLoadBalancing: true, enableDeletionProtection: props.deletionProtection,
      // Who may connect by PrivateLink, the endpoint service says; the addresses of callers are of other networks, and may be anything.
      ...(props.internal ? { enforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'off' } : {}),
    });
    const group = new LbTargetGroup(this, 'group', {
      name, vpcId: props.vpcId, targetType: 'alb', protocol: 'TCP', port: INGRESS_PORT,
      healthCheck: { ...HEALTH_CHECK, protocol: 'HTTPS', port: String(INGRESS_HEALTH_PORT), path: '/' },
    });
    new LbTargetGroupAttachment(this, 'target', {
      targetGroupArn: group.arn, targetId: props.balancer.arn, port: INGRESS_PORT, dependsOn: [...props.listeners],
    });
    new LbListener(this, 'listener', {
      loadBalancerArn: this.balancer.arn, port: INGRESS_PORT, protocol: 'TCP', defaultAction: [{ type: 'forward', targetGroupArn: group.arn }],
    });
  }
}
