/** One rule of a security group, in or out. */
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { Token, type TerraformProvider } from 'cdktf';
import { type Construct } from 'constructs';
import { parseCidr } from '../../platform/index.ts';
import { check } from '../common/index.ts';
import { type Rule } from './props.ts';

/** Adds the rule. Throws ConstructError when it does not name exactly one other party, or no port. */
export function addRule(
  scope: Construct, id: string, direction: 'from' | 'to', securityGroupId: string, rule: Rule, provider?: TerraformProvider,
): VpcSecurityGroupIngressRule | VpcSecurityGroupEgressRule {
  const { port, description, cidr, securityGroupId: peer, prefixListId } = rule;
  check(scope, (m) => {
    m.exactlyOne({ [`${id}.cidr`]: cidr, [`${id}.securityGroupId`]: peer, [`${id}.prefixListId`]: prefixListId });
    m.range(`${id}.port`, port, 1, 65_535, '(port)');
    if (cidr !== undefined && !Token.isUnresolved(cidr) && parseCidr(cidr) === undefined) {
      m.add(`${id}.cidr: expected an IPv4 network without host bits such as 10.20.0.0/16, got ${JSON.stringify(cidr)}`);
    }
    m.text(`${id}.description`, description, /^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/, '1 to 255 of the characters that EC2 takes in a description');
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
