/** A security group that lets nothing in and nothing out but what is said, each rule on its own and with its reason. */
import { SecurityGroup as AwsSecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { CIDR_PATTERN } from './defaults.ts';

/** The other end of a rule: a network, the members of a security group, or the addresses of an AWS prefix list. */
export type Peer = { readonly cidr: string } | { readonly securityGroupId: string } | { readonly prefixListId: string };

export interface SecurityGroupProps {
  /** Unique in its VPC. */
  readonly name: string;
  readonly vpcId: string;
  /** What its members are. A change replaces the group. */
  readonly description: string;
  /** @default - the stack's own */
  readonly provider?: TerraformProvider;
}

export class SecurityGroup extends Construct {
  readonly id: string;
  /** The group itself. */
  readonly resource: AwsSecurityGroup;
  readonly #provider: { readonly provider?: TerraformProvider };

  constructor(scope: Construct, id: string, props: SecurityGroupProps) {
    super(scope, id);
    check(this, (m) => {
      m.text('name', props.name, NAME, `${TEXT_ALLOWED}, not starting with sg-`);
      m.text('description', props.description, TEXT, TEXT_ALLOWED);
    });
    this.#provider = props.provider === undefined ? {} : { provider: props.provider };
    this.resource = new AwsSecurityGroup(this, 'group', {
      name: props.name, vpcId: props.vpcId, description: props.description, tags: { Name: props.name }, ...this.#provider,
    });
    this.id = this.resource.id;
  }

  /** Lets TCP in on a port. @param what who that is and why: the rule's description, and with the port its id */
  readonly allowFrom = (what: string, peer: Peer, port: number): this => {
    const rule = this.#rule(what, peer, port);
    new VpcSecurityGroupIngressRule(this, `from-${slug(what)}-${port}`, rule);
    return this;
  };

  /** Lets TCP out to a port. @param what where to and why: the rule's description, and with the port its id */
  readonly allowTo = (what: string, peer: Peer, port: number): this => {
    const rule = this.#rule(what, peer, port);
    new VpcSecurityGroupEgressRule(this, `to-${slug(what)}-${port}`, rule);
    return this;
  };

  #rule(what: string, peer: Peer, port: number) {
    check(this, (m) => {
      m.text('description of a rule', what, TEXT, TEXT_ALLOWED);
      m.range(`port of "${what}"`, port, 1, 65_535, 'ports');
      if ('cidr' in peer) m.text(`network of "${what}"`, peer.cidr, CIDR_PATTERN, 'an IPv4 network such as 10.0.0.0/16');
    });
    return { securityGroupId: this.id, description: what, ipProtocol: 'tcp', fromPort: port, toPort: port, ...endOf(peer), ...this.#provider };
  }
}

// What EC2 takes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
const TEXT = /^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/;
const TEXT_ALLOWED = '1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*';
const NAME = /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/;

const slug = (what: string): string => what.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');

function endOf(peer: Peer): { readonly cidrIpv4?: string; readonly referencedSecurityGroupId?: string; readonly prefixListId?: string } {
  if ('cidr' in peer) return { cidrIpv4: peer.cidr };
  return 'securityGroupId' in peer ? { referencedSecurityGroupId: peer.securityGroupId } : { prefixListId: peer.prefixListId };
}
