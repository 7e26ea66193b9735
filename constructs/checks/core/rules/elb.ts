/** Load balancers, and what stands before and behind them: certificates, WAF, names. */
import type { Problem, Resource, Rule, Tree } from '../model.ts';
import { absent, block, blocks, mustBeOneOf, mustBeTrue, problem, truth, undecided } from '../values.ts';
import { isExpression } from '../template.ts';

const BALANCERS = ['aws_lb', 'aws_alb'];
const LISTENERS = ['aws_lb_listener', 'aws_alb_listener'];

const kindOf = ({ attributes }: Resource): unknown => attributes['load_balancer_type'] ?? 'application';
const isApplication = (lb: Resource): boolean => kindOf(lb) === 'application';
const listenersOf = (lb: Resource, tree: Tree): readonly Resource[] =>
  LISTENERS.flatMap((type) => tree.companions(type, 'load_balancer_arn', lb));
const balancerOf = (listener: Resource, tree: Tree): Resource | undefined =>
  tree.follow(listener.attributes['load_balancer_arn']).find((r) => BALANCERS.includes(r.type));

/** Policies with TLS 1.2 and 1.3 and forward secrecy alone (Elastic Load Balancing, "Security policies"). */
const TLS_POLICY = /^ELBSecurityPolicy-TLS13-1-(?:3|2(?:-Res)?)(?:-FIPS)?(?:-PQ)?-\d{4}-\d{2}$/;

/** A network load balancer's way to an application load balancer: which one, and by which port. */
interface Way {
  readonly alb: Resource;
  readonly port: unknown;
}

function waysBehind(nlb: Resource, tree: Tree): Way[] {
  const groups = listenersOf(nlb, tree)
    .flatMap((listener) => blocks(listener, 'default_action'))
    .flatMap((action) => [
      action['target_group_arn'],
      ...blocks(action, 'forward')
        .flatMap((f) => blocks(f, 'target_group'))
        .map((g) => g['arn']),
    ])
    .flatMap((arn) => tree.follow(arn))
    .filter((r) => r.type === 'aws_lb_target_group' && r.attributes['target_type'] === 'alb');
  return groups.flatMap((group) =>
    tree.companions('aws_lb_target_group_attachment', 'target_group_arn', group).flatMap((attachment) =>
      tree
        .follow(attachment.attributes['target_id'])
        .filter((r) => BALANCERS.includes(r.type) && isApplication(r))
        .map((alb) => ({ alb, port: attachment.attributes['port'] ?? group.attributes['port'] })),
    ),
  );
}

/** Listeners that sites of others come in by: PrivateLink or the internet leads to their port through a network load balancer. */
function siteListeners(alb: Resource, tree: Tree): Resource[] {
  const services = tree.ofType('aws_vpc_endpoint_service');
  const ports = tree
    .ofType(...BALANCERS)
    .filter((lb) => kindOf(lb) === 'network')
    .filter(
      (nlb) =>
        truth(nlb.attributes['internal']) !== true
        || services.some((s) => tree.pointsTo(s.attributes['network_load_balancer_arns'], nlb)),
    )
    .flatMap((nlb) => waysBehind(nlb, tree))
    .filter((way) => way.alb === alb)
    .map((way) => String(way.port));
  return listenersOf(alb, tree).filter((listener) => ports.includes(String(listener.attributes['port'])));
}

const redirectsToHttps = (listener: Resource): boolean => {
  const actions = blocks(listener, 'default_action');
  return (
    actions.length > 0
    && actions.every((action) => action['type'] === 'redirect' && block(action, 'redirect')['protocol'] === 'HTTPS')
  );
};

const tls = (listener: Resource): readonly Problem[] => {
  const policy = listener.attributes['ssl_policy'];
  if (isExpression(policy)) return [undecided('its TLS policy', policy)];
  return typeof policy === 'string' && TLS_POLICY.test(policy) ? [] : [problem('allows old TLS', policy)];
};

const logs = (lb: Resource, kind: string): Problem[] => mustBeTrue(block(lb, kind)['enabled'], 'writes no access log');

export const ELB_RULES: readonly Rule[] = [
  {
    id: 'TM-ELB-01',
    severity: 'high',
    controls: ['CC6.7'],
    types: LISTENERS,
    applies: ({ attributes }) => ['HTTPS', 'TLS'].includes(String(attributes['protocol'])),
    what: 'A listener takes TLS 1.2 and 1.3 with modern ciphers only.',
    why: 'Older versions can be broken by who sits in between; the default policy still takes TLS 1.0.',
    fix: 'Set ssl_policy, for example ELBSecurityPolicy-TLS13-1-2-2021-06.',
    check: tls,
  },
  {
    id: 'TM-ELB-02',
    severity: 'high',
    controls: ['CC6.7'],
    types: LISTENERS,
    applies: (listener, tree) =>
      listener.attributes['protocol'] === 'HTTP'
      || (absent(listener.attributes['protocol'])
        && (balancerOf(listener, tree) === undefined || isApplication(balancerOf(listener, tree)!))),
    what: 'Plain HTTP is only sent on to HTTPS.',
    why: 'Tokens and settlements would cross the network readable.',
    fix: 'Take the listener away, or give it a redirect action with protocol HTTPS.',
    check: (listener) => (redirectsToHttps(listener) ? [] : [problem('serves plain HTTP', listener.attributes['port'])]),
  },
  {
    id: 'TM-ELB-03',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.7'],
    types: BALANCERS,
    applies: isApplication,
    what: 'Malformed headers are dropped.',
    why: 'Requests that the balancer and the service read differently can be smuggled past checks.',
    fix: 'Set drop_invalid_header_fields true.',
    check: ({ attributes }) => mustBeTrue(attributes['drop_invalid_header_fields'], 'passes malformed headers on'),
  },
  {
    id: 'TM-ELB-04',
    severity: 'medium',
    controls: ['CC7.2', 'CC7.3'],
    types: BALANCERS,
    // Network load balancers log TLS listeners only.
    applies: (lb, tree) => isApplication(lb) || listenersOf(lb, tree).some((l) => l.attributes['protocol'] === 'TLS'),
    what: 'Requests to a load balancer are logged.',
    why: 'Who asked for what can be told afterwards only from a log.',
    fix: 'Add access_logs with a bucket and enabled true.',
    check: (lb) => logs(lb, 'access_logs'),
  },
  {
    id: 'TM-ELB-05',
    severity: 'medium',
    controls: ['A1.2'],
    types: BALANCERS,
    what: 'A load balancer is protected from deletion.',
    why: 'Its names and addresses are what sites are set up with.',
    fix: 'Set enable_deletion_protection true.',
    check: ({ attributes }) => mustBeTrue(attributes['enable_deletion_protection'], 'is not protected from deletion'),
  },
  {
    id: 'TM-ELB-06',
    severity: 'low',
    controls: ['CC6.6'],
    types: BALANCERS,
    applies: isApplication,
    what: 'Ambiguous requests are not passed on.',
    why: 'In monitor mode desync attacks reach the service.',
    fix: 'Take desync_mitigation_mode away, or set it defensive or strictest.',
    check: ({ attributes }) =>
      mustBeOneOf(attributes['desync_mitigation_mode'], ['defensive', 'strictest'], 'passes ambiguous requests on', 'defensive'),
  },
  {
    id: 'TM-ELB-07',
    severity: 'high',
    controls: ['CC6.1', 'CC6.6'],
    types: BALANCERS,
    applies: (lb) => isApplication(lb) && (truth(lb.attributes['internal']) ?? false) !== true,
    what: 'A load balancer on the internet is behind a web application firewall.',
    why: 'It takes known attacks and floods off the service.',
    fix: 'Add aws_wafv2_web_acl_association with its ARN.',
    check: (lb, tree) =>
      tree.companions('aws_wafv2_web_acl_association', 'resource_arn', lb).length > 0 ? [] : [problem('has no web ACL')],
  },
  {
    id: 'TM-ELB-08',
    severity: 'high',
    controls: ['CC6.1', 'CC6.6'],
    types: BALANCERS,
    applies: (lb, tree) => isApplication(lb) && siteListeners(lb, tree).length > 0,
    what: "Where edge sites come in, they show a certificate of the platform's own authority.",
    why: 'The network that leads there (PrivateLink, the internet) says nothing about who is calling.',
    fix: 'Set mutual_authentication with mode verify and a trust_store_arn on the HTTPS listener that they come in by.',
    check: (lb, tree) =>
      siteListeners(lb, tree).flatMap((listener) =>
        mustBeOneOf(
          block(listener, 'mutual_authentication')['mode'],
          ['verify'],
          `${listener.address} asks for no client certificate`,
        ),
      ),
  },
  {
    id: 'TM-WAF-01',
    severity: 'medium',
    controls: ['CC6.6', 'A1.2'],
    types: ['aws_wafv2_web_acl'],
    what: 'A web ACL has managed rules and a limit of requests.',
    why: "Managed rules know today's attacks; the limit bounds what one address can ask.",
    fix: 'Add a rule with managed_rule_group_statement and one with rate_based_statement.',
    check: (acl) => {
      if (!absent(acl.attributes['rule_json'])) {
        const text = String(acl.attributes['rule_json']);
        return [
          ...(text.includes('ManagedRuleGroupStatement') ? [] : [problem('has no managed rules')]),
          ...(text.includes('RateBasedStatement') ? [] : [problem('has no limit of requests')]),
        ];
      }
      const statements = blocks(acl, 'rule').flatMap((rule) => blocks(rule, 'statement'));
      const has = (name: string): boolean => statements.some((s) => blocks(s, name).length > 0);
      return [
        ...(has('managed_rule_group_statement') || has('rule_group_reference_statement')
          ? []
          : [problem('has no managed rules')]),
        ...(has('rate_based_statement') ? [] : [problem('has no limit of requests')]),
      ];
    },
  },
  {
    id: 'TM-WAF-02',
    severity: 'low',
    controls: ['CC7.2', 'CC7.3'],
    types: ['aws_wafv2_web_acl'],
    what: 'What a web ACL lets through and refuses is logged.',
    why: 'Its counters say that something happened, not what.',
    fix: 'Add aws_wafv2_web_acl_logging_configuration.',
    check: (acl, tree) =>
      tree.companions('aws_wafv2_web_acl_logging_configuration', 'resource_arn', acl).length > 0 ? [] : [problem('logs nothing')],
  },
  {
    id: 'TM-ACM-01',
    severity: 'low',
    controls: ['CC6.7', 'A1.2'],
    types: ['aws_acm_certificate'],
    applies: ({ attributes }) => absent(attributes['certificate_body']) && absent(attributes['certificate_authority_arn']),
    what: 'A certificate renews itself.',
    why: 'Validation by e-mail waits for somebody to click, once a year, before everything stops.',
    fix: 'Set validation_method DNS with a record that stays, and lifecycle.create_before_destroy.',
    check: (certificate) => [
      ...mustBeOneOf(certificate.attributes['validation_method'], ['DNS'], 'is not validated by DNS'),
      ...mustBeTrue(
        block(certificate, 'lifecycle')['create_before_destroy'],
        'goes before its successor is there (create_before_destroy)',
      ),
    ],
  },
  {
    id: 'TM-DNS-01',
    severity: 'low',
    controls: ['CC7.2'],
    types: ['aws_route53_zone'],
    applies: (zone) => blocks(zone, 'vpc').length === 0,
    what: 'Queries to a public zone are logged, and its answers signed.',
    why: 'A forged answer leads clients elsewhere; scans of names come before attacks.',
    fix: 'Add aws_route53_query_log and aws_route53_hosted_zone_dnssec.',
    check: (zone, tree) => [
      ...(tree.companions('aws_route53_query_log', 'zone_id', zone).length > 0 ? [] : [problem('its queries are not logged')]),
      ...(tree.companions('aws_route53_hosted_zone_dnssec', 'hosted_zone_id', zone).length > 0
        ? []
        : [problem('its answers are not signed')]),
    ],
  },
];
