/** A security group that lets nothing in and nothing out but what is said, each rule on its own and with its reason. */
import { SecurityGroup as AwsSecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { TEXT_ALLOWED, TEXT_PATTERN } from './defaults.ts';
import { addRule, type Peer } from './rule.ts';

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
  readonly #provider: TerraformProvider | undefined;

  constructor(scope: Construct, id: string, props: SecurityGroupProps) {
    super(scope, id);
    check(this, (m) => {
      m.text('name', props.name, NAME, `${TEXT_ALLOWED}, not starting with sg-`);
      m.text('description', props.description, TEXT_PATTERN, TEXT_ALLOWED);
    });
    this.#provider = props.provider;
    this.resource = new AwsSecurityGroup(this, 'group', {
      name: props.name, vpcId: props.vpcId, description: props.description, tags: { Name: props.name },
      ...(props.provider === undefined ? {} : { provider: props.provider }),
    });
    this.id = this.resource.id;
  }

  /** Lets TCP in on a port. @param what who that is and why: the rule's description, and with the port its id */
  readonly allowFrom = (what: string, peer: Peer, port: number): this => {
    addRule(this, `${slug(what)}-${port}`, 'from', this.id, { ...peer, port, description: what }, this.#provider);
    return this;
  };

  /** Lets TCP out to a port. @param what where to and why: the rule's description, and with the port its id */
  readonly allowTo = (what: string, peer: Peer, port: number): this => {
    addRule(this, `${slug(what)}-${port}`, 'to', this.id, { ...peer, port, description: what }, this.#provider);
    return this;
  };
}

const NAME = new RegExp(`^(?!sg-)${TEXT_PATTERN.source.slice(1)}`);

const slug = (what: string): string => what.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
