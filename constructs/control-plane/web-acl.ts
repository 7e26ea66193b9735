/** The web application firewall in front of a load balancer: rules that AWS keeps, a limit of requests, a log of what it did. */
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import { Wafv2IpSet } from '@cdktf/provider-aws/lib/wafv2-ip-set/index.js';
import { Wafv2WebAclAssociation } from '@cdktf/provider-aws/lib/wafv2-web-acl-association/index.js';
import { Wafv2WebAclLoggingConfiguration } from '@cdktf/provider-aws/lib/wafv2-web-acl-logging-configuration/index.js';
import { Wafv2WebAcl, type Wafv2WebAclRule } from '@cdktf/provider-aws/lib/wafv2-web-acl/index.js';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { CIDR_PATTERN } from '../network/defaults.ts';
import { LOG_RETENTION_DAYS, MANAGED_RULES, RATE_LIMIT } from './defaults.ts';

export interface WebAclProps {
  readonly name: string;
  /** What it stands in front of: a load balancer. */
  readonly resourceArn: string;
  /** Key of the log; CloudWatch Logs must be allowed to use it. */
  readonly encryptionKeyArn: string;
  /** Networks that the limit is not for: those of the platform's own sites. @default - none */
  readonly trustedCidrs?: readonly string[];
  /** Requests of one address in five minutes, 10 to 2,000,000,000. @default 2000 */
  readonly rateLimit?: number;
  /** Days that the log is kept; a value that CloudWatch knows. @default 90 */
  readonly logRetentionDays?: number;
}

export class WebAcl extends Construct {
  readonly acl: Wafv2WebAcl;
  readonly arn: string;

  constructor(scope: Construct, id: string, props: WebAclProps) {
    super(scope, id);
    const { name, trustedCidrs = [], rateLimit = RATE_LIMIT.requests } = props;
    check(this, (m) => {
      m.text('name', name, /^[\w-]{1,100}$/, 'at most 100 letters, digits, - and _');
      m.range('rateLimit', rateLimit, RATE_LIMIT.least, RATE_LIMIT.most, 'requests');
      for (const [i, cidr] of trustedCidrs.entries()) m.text(`trustedCidrs[${i}]`, cidr, CIDR_PATTERN, 'an IPv4 network such as 10.0.0.0/8');
    });
    const trusted = trustedCidrs.length === 0 ? undefined : new Wafv2IpSet(this, 'trusted', {
      name: `${name}-trusted`, description: 'Networks of the platform itself', scope: 'REGIONAL', ipAddressVersion: 'IPV4', addresses: [...trustedCidrs],
    });
    this.acl = new Wafv2WebAcl(this, 'acl', {
      name, description: `In front of ${name}`, scope: 'REGIONAL', defaultAction: { allow: {} }, visibilityConfig: visible(name),
      rule: [rateRule(rateLimit, trusted?.arn), ...MANAGED_RULES.map(({ name: group, countOnly }, i) => managedRule(group, countOnly, i + 1))],
    });
    this.arn = this.acl.arn;
    new Wafv2WebAclAssociation(this, 'association', { resourceArn: props.resourceArn, webAclArn: this.acl.arn });
    const logs = new CloudwatchLogGroup(this, 'logs', {
      // The firewall writes to groups whose name begins like this and to no others.
      name: `aws-waf-logs-${name}`, kmsKeyId: props.encryptionKeyArn, retentionInDays: props.logRetentionDays ?? LOG_RETENTION_DAYS,
    });
    new Wafv2WebAclLoggingConfiguration(this, 'logging', {
      resourceArn: this.acl.arn, logDestinationConfigs: [logs.arn], redactedFields: [{ singleHeader: { name: 'authorization' } }],
    });
  }
}

const visible = (metricName: string) => ({ metricName, cloudwatchMetricsEnabled: true, sampledRequestsEnabled: true });

// Statements go into Terraform as they are: the provider's types end where they nest.
function rateRule(limit: number, trustedArn: string | undefined): Wafv2WebAclRule {
  const scope = trustedArn === undefined ? {} : {
    scope_down_statement: { not_statement: { statement: { ip_set_reference_statement: { arn: trustedArn } } } },
  };
  return {
    name: 'rate', priority: 0, action: { block: {} }, visibilityConfig: visible('rate'),
    statement: { rate_based_statement: { limit, aggregate_key_type: 'IP', evaluation_window_sec: RATE_LIMIT.windowSeconds, ...scope } },
  };
}

const managedRule = (name: string, countOnly: readonly string[], priority: number): Wafv2WebAclRule => ({
  name, priority, overrideAction: { none: {} }, visibilityConfig: visible(name),
  statement: {
    managed_rule_group_statement: {
      vendor_name: 'AWS', name,
      ...(countOnly.length === 0 ? {} : { rule_action_override: countOnly.map((rule) => ({ name: rule, action_to_use: { count: {} } })) }),
    },
  },
});
