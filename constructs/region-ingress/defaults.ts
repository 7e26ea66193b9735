/** What RegionIngress does unless told otherwise, with what Elastic Load Balancing allows. */
export const REGION_INGRESS_DEFAULTS = {
  /** TLS 1.3 and nothing older: every client is one of the platform's own services. */
  tlsPolicy: 'ELBSecurityPolicy-TLS13-1-3-2021-06',
  /** Seconds without a byte until a connection is closed. Replicas keep theirs open for 65 s, so it is never they who close first. */
  idleSeconds: 60,
  /** Seconds that a replica may take to finish what it has, once it is no longer asked. */
  drainSeconds: 30,
  deletionProtection: true,
} as const;

/** Port that edge nodes call. */
export const INGRESS_PORT = 443;
/**
 * Answers that the load balancer itself is there, to the network load balancer alone, which has no certificate to show and would
 * be refused on the port above.
 */
export const INGRESS_HEALTH_PORT = 8443;

export const HEALTH_CHECK = { interval: 10, timeout: 5, healthyThreshold: 2, unhealthyThreshold: 2, matcher: '200' } as const;

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html */
export const LIMITS = {
  /** Characters of the name of a load balancer, target group or trust store. */
  name: 32,
  /** Rules of a listener, beside the default one. */
  rules: 100,
} as const;
