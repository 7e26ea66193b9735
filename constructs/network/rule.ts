/** One rule of a security group, in or out: a resource of its own, so that a change of one touches no other. */
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { type TerraformProvider } from 'cdktf';
import { type Construct } from 'constructs';
import { parseCidr } from '../../platform/index.ts';
import { check } from '../common/index.ts';
import { TEXT_ALLOWED, TEXT_PATTERN } from './defaults.ts';

/** The other end of a rule: a network, the members of a security group, or the addresses of an AWS prefix list. */
export type Peer = { readonly cidr: string } | { readonly securityGroupId: string } | { readonly prefixListId: string };

export type Rule = Peer & {
  /** TCP. */
  readonly port: number;
  /** Who or what the other end is, and why: for people. */
  readonly description: string;
};

/** Adds the rule as `from-<id>` or `to-<id>`. Throws ConstructError when it does not name exactly one other end, or no port. */
export function addRule(
  scope: Construct, id: string, direction: 'from' | 'to', securityGroupId: string, rule: Rule, provider?: TerraformProvider,
): VpcSecurityGroupIngressRule | VpcSecurityGroupEgressRule {
  const { port, description } = rule;
  const { cidr, securityGroupId: peer, prefixListId }: { readonly cidr?: string; readonly securityGroupId?: string; readonly prefixListId?: string } = rule;
  check(scope, (m) => {
    m.exactlyOne({ [`${id}.cidr`]: cidr, [`${id}.securityGroupId`]: peer, [`${id}.prefixListId`]: prefixListId });
    m.range(`${id}.port`, port, 1, 65_535, '(port)');
    if (m.known(cidr) && parseCidr(cidr as string) === undefined) {
      m.add(`${id}.cidr: expected an IPv4 network without host bits such as 10.20.0.0/16, got ${JSON.stringify(cidr)}`);
    }
    m.text(`${id}.description`, description, TEXT_PATTERN, TEXT_ALLOWED);
  });
  const Kind = direction === 'from' ? VpcSecurityGroupIngressRule : VpcSecurityGroupEgressRule;
  return new Kind(scope, `${direction}-${id}`, {
    ...(provider === undefined ? {} : { provider }),
    securityGroupId, description, ipProtocol: 'tcp', fromPort: port, toPort: port,
    ...(cidr === undefined ? {} : { cidrIpv4: cidr }),
    ...(peer === undefined ? {} : { referencedSecurityGroupId: peer }),
    ...(prefixListId === undefined ? {} : { prefixListId }),
  });
}
