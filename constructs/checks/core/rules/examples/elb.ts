import { of, type Example, type Examples, type Section } from './model.ts';

const balancer = (attributes: Record<string, unknown>, more: Section = {}): Example => of({ aws_lb: { l: attributes }, ...more });
const listener = (attributes: Record<string, unknown>): Example =>
  of({ aws_lb_listener: { n: { load_balancer_arn: '${aws_lb.l.arn}', ...attributes } }, aws_lb: { l: {} } });
const acl = (rules: readonly Record<string, unknown>[]): Example =>
  of({ aws_wafv2_web_acl: { w: { scope: 'REGIONAL', rule: rules.map((statement) => ({ statement: [statement] })) } } });
const MANAGED = { managed_rule_group_statement: { vendor_name: 'AWS', name: 'AWSManagedRulesCommonRuleSet' } };
const LIMIT = { rate_based_statement: { limit: 2_000, aggregate_key_type: 'IP' } };

/** Sites come in: an endpoint service, a network load balancer, and behind it an application load balancer. */
const siteIngress = (
  mutual: Record<string, unknown>,
  nlb: Record<string, unknown> = { internal: true },
  service: Section = {
    aws_vpc_endpoint_service: { s: { acceptance_required: false, network_load_balancer_arns: ['${aws_lb.nlb.arn}'] } },
  },
): Example =>
  of({
    ...service,
    aws_lb: { nlb: { load_balancer_type: 'network', ...nlb }, alb: { internal: true } },
    aws_lb_target_group: { tg: { target_type: 'alb', port: 443, protocol: 'TCP' } },
    aws_lb_target_group_attachment: { at: { target_group_arn: '${aws_lb_target_group.tg.arn}', target_id: '${aws_lb.alb.arn}' } },
    aws_lb_listener: {
      front: {
        load_balancer_arn: '${aws_lb.nlb.arn}',
        protocol: 'TCP',
        port: 443,
        default_action: [{ type: 'forward', target_group_arn: '${aws_lb_target_group.tg.arn}' }],
      },
      back: { load_balancer_arn: '${aws_lb.alb.arn}', protocol: 'HTTPS', port: 443, ...mutual },
    },
  });
const VERIFIED = { mutual_authentication: { mode: 'verify', trust_store_arn: '${aws_lb_trust_store.t.arn}' } };

export const ELB_EXAMPLES: Examples = {
  'TM-ELB-01': {
    catches: [
      listener({ protocol: 'HTTPS' }),
      listener({ protocol: 'TLS', ssl_policy: 'ELBSecurityPolicy-2016-08' }),
      listener({ protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-0-2021-06' }),
      listener({ protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06' }),
      listener({ protocol: 'HTTPS', ssl_policy: '${var.policy}' }),
    ],
    passes: [
      listener({ protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-3-2021-06' }),
      listener({ protocol: 'TLS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04' }),
      listener({ protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09' }),
    ],
  },
  'TM-ELB-02': {
    catches: [
      listener({ protocol: 'HTTP', port: 80, default_action: { type: 'forward' } }),
      listener({ port: 80 }),
      listener({ protocol: 'HTTP', default_action: [{ type: 'redirect', redirect: { protocol: 'HTTP' } }] }),
    ],
    passes: [
      listener({
        protocol: 'HTTP',
        port: 80,
        default_action: [{ type: 'redirect', redirect: [{ protocol: 'HTTPS', status_code: 'HTTP_301' }] }],
      }),
    ],
  },
  'TM-ELB-03': {
    catches: [balancer({}), balancer({ drop_invalid_header_fields: false })],
    passes: [balancer({ drop_invalid_header_fields: true })],
  },
  'TM-ELB-04': {
    catches: [
      balancer({}),
      balancer({ access_logs: { bucket: 'logs' } }),
      of({
        aws_lb: { l: { load_balancer_type: 'network' } },
        aws_lb_listener: { n: { load_balancer_arn: '${aws_lb.l.arn}', protocol: 'TLS' } },
      }),
    ],
    passes: [balancer({ access_logs: [{ bucket: 'logs', enabled: true }] })],
  },
  'TM-ELB-05': {
    catches: [balancer({}), balancer({ enable_deletion_protection: '${var.keep}' })],
    passes: [balancer({ enable_deletion_protection: true })],
  },
  'TM-ELB-06': {
    catches: [balancer({ desync_mitigation_mode: 'monitor' })],
    passes: [balancer({}), balancer({ desync_mitigation_mode: 'strictest' })],
  },
  'TM-ELB-07': {
    catches: [balancer({}), balancer({ internal: '${var.internal}' })],
    passes: [balancer({}, { aws_wafv2_web_acl_association: { a: { resource_arn: '${aws_lb.l.arn}', web_acl_arn: 'w' } } })],
  },
  'TM-ELB-08': {
    catches: [
      siteIngress({}),
      siteIngress({ mutual_authentication: { mode: 'passthrough' } }),
      siteIngress({}, { internal: false }, {}),
    ],
    passes: [
      siteIngress(VERIFIED),
      // The listener that the network load balancer asks for health has no clients.
      of({
        ...siteIngress(VERIFIED).resource,
        aws_lb_listener: {
          ...siteIngress(VERIFIED).resource?.['aws_lb_listener'],
          health: { load_balancer_arn: '${aws_lb.alb.arn}', protocol: 'HTTPS', port: 8443 },
        },
      }),
      siteIngress(VERIFIED, { internal: false }, {}),
    ],
  },
  'TM-WAF-01': {
    catches: [acl([]), acl([MANAGED]), acl([LIMIT])],
    passes: [
      acl([MANAGED, LIMIT]),
      of({
        aws_wafv2_web_acl: {
          w: {
            rule_json: JSON.stringify([
              { Statement: { ManagedRuleGroupStatement: {} } },
              { Statement: { RateBasedStatement: {} } },
            ]),
          },
        },
      }),
    ],
  },
  'TM-WAF-02': {
    catches: [acl([])],
    passes: [
      of({
        aws_wafv2_web_acl: { w: {} },
        aws_wafv2_web_acl_logging_configuration: {
          l: { resource_arn: '${aws_wafv2_web_acl.w.arn}', log_destination_configs: ['arn'] },
        },
      }),
    ],
  },
  'TM-ACM-01': {
    catches: [
      of({ aws_acm_certificate: { c: { validation_method: 'EMAIL', lifecycle: { create_before_destroy: true } } } }),
      of({ aws_acm_certificate: { c: { validation_method: 'DNS' } } }),
    ],
    passes: [of({ aws_acm_certificate: { c: { validation_method: 'DNS', lifecycle: { create_before_destroy: true } } } })],
  },
  'TM-DNS-01': {
    catches: [
      of({ aws_route53_zone: { z: { name: 'clearing.example.com' } } }),
      of({ aws_route53_zone: { z: { name: 'x' } }, aws_route53_query_log: { q: { zone_id: '${aws_route53_zone.z.zone_id}' } } }),
    ],
    passes: [
      of({
        aws_route53_zone: { z: { name: 'x' }, inside: { name: 'y', vpc: [{ vpc_id: 'v' }] } },
        aws_route53_query_log: { q: { zone_id: '${aws_route53_zone.z.zone_id}' } },
        aws_route53_hosted_zone_dnssec: { d: { hosted_zone_id: '${aws_route53_zone.z.id}' } },
      }),
    ],
  },
};
