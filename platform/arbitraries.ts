/** Random valid configs, for properties. */
import fc from 'fast-check';
import { INDICATORS, type Indicator } from './indicators.ts';
import type { PlatformInput, RegionInput, Scope, SlaInput, WebhookInput, WebhookScope } from './model.ts';
import { KNOWN_LOCATIONS } from './rtt.ts';
import { INCIDENT_EVENTS } from './webhooks.ts';

const word = fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/);
const ownPlaces = ['brno-1', 'ostrava'] as const;
const place = fc.constantFrom(...KNOWN_LOCATIONS.map((known) => known.id), ...ownPlaces);
const digits = fc.bigInt({ min: 0n, max: 10n ** 18n - 1n });
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });

/** Leaves out what is undefined: an optional field is there or it is not. */
const without = <T extends object>(o: T): T =>
  Object.fromEntries(Object.entries(o).filter(([, value]) => value !== undefined)) as T;

/** A shape: replicas, quorum wish and edge locations of a region. Ids come later, as they are unique over all. */
const regionShape = fc.record({
  location: place,
  replicas: maybe(fc.integer({ min: 1, max: 7 })),
  quorumWish: maybe(fc.nat(3)),
  edges: fc.array(place, { maxLength: 4 }),
});

const slaShape = fc.record({
  indicator: fc.constantFrom(...Object.keys(INDICATORS) as Indicator[]),
  objective: fc.constantFrom(0.5, 0.9, 0.99, 0.999),
  // Beyond the longest way that two places of the table and their own legs can be apart.
  thresholdMs: fc.integer({ min: 60_000, max: 600_000 }),
  thresholdRatio: fc.constantFrom(0, 0.01, 0.5),
  windowDays: maybe(fc.integer({ min: 1, max: 90 })),
  scope: maybe(fc.nat(100)),
  severity: maybe(fc.constantFrom('page' as const, 'ticket' as const)),
  runbook: fc.constantFrom('https://example.org/runbook', 'runbooks/finality.ts', 'docs/operations.md#finality'),
});

const webhookShape = fc.record({
  url: fc.constantFrom('https://hooks.example.com/tidemark', 'https://hooks.example.com:8443/a?b=c', 'http://localhost:9/', 'http://127.0.0.1:4800/x'),
  events: maybe(fc.uniqueArray(fc.constantFrom(...INCIDENT_EVENTS), { minLength: 1 })),
  severity: maybe(fc.constantFrom('page' as const, 'ticket' as const)),
  scope: maybe(fc.nat(100)),
});

export const platformInputs: fc.Arbitrary<PlatformInput> = fc.record({
  ids: fc.uniqueArray(word, { minLength: 40, maxLength: 40 }),
  codes: fc.uniqueArray(fc.stringMatching(/^[A-Z][A-Z0-9]{1,11}$/), { minLength: 1, maxLength: 4 }),
  scale: fc.nat(9),
  centre: place,
  centreId: fc.boolean(),
  regions: fc.array(regionShape, { minLength: 1, maxLength: 5 }),
  oneEdge: place,
  witnessWish: maybe(fc.nat(4)),
  peerWishes: maybe(fc.uniqueArray(fc.nat(20), { maxLength: 16 })),
  limits: maybe(fc.record({ account: digits, more: digits, asBigint: fc.boolean() })),
  slas: fc.array(slaShape, { maxLength: 5 }),
  webhooks: maybe(fc.array(webhookShape, { maxLength: 3 })),
  base: maybe(fc.integer({ min: 1024, max: 65_000 })),
  wan: maybe(fc.record({ enabled: fc.boolean(), ms: fc.integer({ min: 0, max: 500 }) })),
}).map((shape): PlatformInput => {
  const ids = shape.ids.values();
  const next = (): string => ids.next().value as string;
  const name = next();
  const controlPlane = without({ id: shape.centreId ? next() : undefined, location: shape.centre });
  const regions = shape.regions.map(({ location, replicas, quorumWish, edges }, i): RegionInput => {
    const size = replicas ?? 1;
    const quorum = quorumWish === undefined ? undefined : Math.min(size, Math.floor(size / 2) + 1 + quorumWish);
    const places = i === 0 && edges.length === 0 ? [shape.oneEdge] : edges;
    const nodes = places.map((at) => ({ id: next(), location: at }));
    return without({ id: next(), location, replicas, quorum, edges: nodes }) as RegionInput;
  });
  const [asker, ...others] = regions.flatMap((region) => region.edges ?? []);
  const peers = shape.peerWishes?.flatMap((i) => others[i]?.id ?? []);
  if (peers !== undefined) {
    regions.splice(0, Infinity, ...regions.map((region) => ({ ...region, edges: (region.edges ?? []).map((edge) => (edge === asker ? { ...edge, peers } : edge)) })));
  }
  const scopes: Scope[] = [
    'global', 'region', 'site',
    ...regions.map((region): Scope => `region:${region.id}`),
    ...regions.flatMap((region) => (region.edges ?? []).map((edge): Scope => `site:${edge.id}`)),
  ];
  const slas = shape.slas.map((sla, i): SlaInput => {
    const { threshold } = INDICATORS[sla.indicator];
    return without({
      ...sla, id: `sla-${i}`, owner: 'settlement',
      thresholdMs: threshold === 'ms' ? sla.thresholdMs : undefined,
      thresholdRatio: threshold === 'ratio' ? sla.thresholdRatio : undefined,
      scope: sla.scope === undefined ? undefined : scopes[sla.scope % scopes.length],
    }) as SlaInput;
  });
  const receiving = scopes.filter((scope) => scope !== 'region' && scope !== 'site') as WebhookScope[];
  const webhooks = shape.webhooks?.map((webhook, i): WebhookInput => without({
    ...webhook, id: `hook-${i}`, scope: webhook.scope === undefined ? undefined : receiving[webhook.scope % receiving.length],
  }) as WebhookInput);
  const limit = (amount: bigint): string | bigint => (shape.limits?.asBigint === true ? amount : String(amount));
  const policy = shape.limits === undefined ? undefined : {
    offlinePerAccount: { [shape.codes[0] as string]: limit(min(shape.limits.account, shape.limits.more)) },
    offlinePerNode: { [shape.codes[0] as string]: limit(max(shape.limits.account, shape.limits.more)) },
  };
  return without({
    name, origin: 'tidemark.example', controlPlane, regions, slas, webhooks, policy,
    assets: shape.codes.map((code) => ({ code, scale: shape.scale })),
    witnessQuorum: shape.witnessWish === undefined ? undefined : Math.min(regions.length, 1 + shape.witnessWish),
    locations: [
      { id: ownPlaces[0], near: 'eu-central-1', roundTripMs: 9.5 }, { id: ownPlaces[1], near: 'eu-north-1', roundTripMs: 31 },
    ],
    ports: shape.base === undefined ? undefined : { base: shape.base },
    wan: shape.wan === undefined ? undefined : {
      enabled: shape.wan.enabled, roundTrips: [{ between: ['eu-central-1', 'us-east-1'] as const, roundTripMs: shape.wan.ms }],
    },
  }) as PlatformInput;
});

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a < b ? b : a);
