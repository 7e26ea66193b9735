/** Reading the `deploy` section: how the platform is laid out on AWS. Where its hosts are is define-hosts.ts's. */
import { checkAddresses, DEPLOY_PREFIXES, networkMistake } from './addresses.ts';
import { AWS_REGIONS, awsRegionOf } from './aws.ts';
import {
  ACCOUNT, ACCOUNT_ALLOWED, CONTACTS_MAX, DOMAIN, DOMAIN_ALLOWED, LOG_DAYS, NAME_LIMITS, SHAPE_DEFAULTS, SHAPES, SIZES, STORAGES, TAG_LIMITS, TIERS,
} from './deploy-limits.ts';
import type { ContactsInput, Deploy, RetentionInput, StateInput } from './deploy.ts';
import { readClients, checkPlaces, readEdgeHosts, readRegionHosts, readZones } from './define-hosts.ts';
import { ID, ID_ALLOWED, or, type Maybe } from './define-shared.ts';
import { CONTROL_LABEL, controlHost, replicaHosts } from './hosts.ts';
import { completeRegion, type RegionParts, type Surroundings } from './define-sites.ts';
import { at, didYouMean, type Reader } from './issues.ts';
import type { ControlPlane } from './model.ts';

const KEYS = [
  'environment', 'shape', 'storage', 'accountId', 'domain', 'hostedZoneId', 'cidr', 'zones', 'replicaRegion', 'authorities', 'operatorCidrs', 'sitesConnected', 'contacts', 'runbooks', 'state',
  'retention', 'tags', 'sizes', 'regions', 'edges',
] as const;

export function readDeploy(r: Reader, value: unknown, around: Surroundings): Maybe<Deploy> {
  const o = r.object('deploy', value, KEYS);
  if (o === undefined) return undefined;
  const environment = r.text('deploy.environment', or(o['environment'], 'production'), ID, ID_ALLOWED);
  const shape = r.oneOf('deploy.shape', or(o['shape'], 'production'), SHAPES);
  const defaults = SHAPE_DEFAULTS[shape ?? 'production'];
  const storage = r.oneOf('deploy.storage', or(o['storage'], defaults.storage), STORAGES);
  const accountId = readAccount(r, o['accountId']);
  const domain = readDomain(r, o['domain']);
  const hostedZoneId = readHostedZone(r, o['hostedZoneId']);
  const cidr = readCidr(r, or(o['cidr'], '10.64.0.0/10'));
  const replicaRegion = readReplicaRegion(r, o['replicaRegion'], around);
  const operatorCidrs = readClients(r, 'deploy.operatorCidrs', or(o['operatorCidrs'], []));
  const sitesConnected = r.flag('deploy.sitesConnected', or(o['sitesConnected'], false));
  const runbooks = o['runbooks'] === undefined ? undefined : r.text(
    'deploy.runbooks', o['runbooks'], /^https:\/\/[^\s\p{Cc}?#]{4,300}\/$/u, 'a URL that ends with /: https://git.example.com/clearing/blob/main/',
  );
  const authorities = r.text(
    'deploy.authorities', or(o['authorities'], 'keys/ca.pem'), /^[^\p{Cc}]{1,300}$/u, 'path of a PEM file, relative to the config: keys/ca.pem',
  );
  const contacts = readContacts(r, o['contacts']);
  const state = o['state'] === undefined ? undefined : readState(r, o['state']);
  const retention = readRetention(r, or(o['retention'], {}), defaults.auditDays);
  const tags = readTags(r, or(o['tags'], {}));
  const sizes = readSizes(r, or(o['sizes'], {}), defaults.sizes);
  const zones = readZones(r, or(o['zones'], {}));
  const regions = readRegionHosts(r, or(o['regions'], {}), around);
  const edges = readEdgeHosts(r, or(o['edges'], {}), around);

  checkPlaces(r, around, { zones, edges });
  checkStorage(r, around.regions, storage);
  checkNames(r, around, environment, domain);
  const complete = around.regions.map(completeRegion).filter((region) => region !== undefined);
  const networksRead = !r.issues.some(({ path }) => /^(?:regions|controlPlane|locations|deploy\.(?:cidr|regions|edges))\b/.test(path));
  if (cidr !== undefined && networksRead) {
    for (const issue of checkAddresses({ regions: complete, deploy: { cidr, regions, edges } })) r.issues.push(issue);
  }
  // Whatever is missing has an issue, which stops the config.
  return {
    environment, shape, storage, ...(accountId === undefined ? {} : { accountId }), domain, hostedZoneId, cidr, zones, replicaRegion, authorities, operatorCidrs,
    ...(sitesConnected === true ? { sitesConnected } : {}), ...(runbooks === undefined ? {} : { runbooks }), contacts, ...(state === undefined ? {} : { state }), retention, tags, sizes, regions, edges,
  } as Deploy;
}

function readAccount(r: Reader, value: unknown): Maybe<string> {
  if (value === undefined) return undefined;
  const hint = typeof value === 'number' ? 'quote it: it is a name, and may begin with a 0' : undefined;
  return typeof value === 'string' && ACCOUNT.test(value) ? value : r.report('deploy.accountId', value, ACCOUNT_ALLOWED, hint);
}

function readDomain(r: Reader, value: unknown): Maybe<string> {
  if (typeof value === 'string' && DOMAIN.test(value)) return value;
  const bare = typeof value === 'string' ? value.toLowerCase().replace(/^[a-z]+:\/\//, '').replace(/[./]+$/, '') : '';
  return r.report('deploy.domain', value, DOMAIN_ALLOWED, DOMAIN.test(bare) ? `did you mean ${JSON.stringify(bare)}?` : undefined);
}

function readHostedZone(r: Reader, value: unknown): Maybe<string> {
  const pattern = /^Z[A-Z0-9]{1,31}$/;
  if (typeof value === 'string' && pattern.test(value)) return value;
  const bare = typeof value === 'string' ? value.replace(/^\/?hostedzone\//, '').toUpperCase() : '';
  return r.report(
    'deploy.hostedZoneId', value, 'the id of a Route 53 hosted zone: Z and capital letters and digits', pattern.test(bare) ? `did you mean "${bare}"?` : undefined,
  );
}

function readCidr(r: Reader, value: unknown): Maybe<string> {
  const mistake = networkMistake(value, DEPLOY_PREFIXES);
  return mistake === undefined ? value as string : r.report('deploy.cidr', value, `${mistake}: 10.64.0.0/10`);
}

function readAwsRegion(r: Reader, path: string, value: unknown): Maybe<string> {
  if (typeof value === 'string' && AWS_REGIONS.includes(value)) return value;
  const zone = typeof value === 'string' ? AWS_REGIONS.find((region) => value.startsWith(`${region}-`) || value.slice(0, -1) === region) : undefined;
  return r.report(path, value, 'an AWS region: eu-central-1', zone === undefined ? didYouMean(value, AWS_REGIONS) : `did you mean "${zone}"?`);
}

function readReplicaRegion(r: Reader, value: unknown, { controlPlane, locations }: Surroundings): Maybe<string> {
  const region = readAwsRegion(r, 'deploy.replicaRegion', value);
  if (region === undefined || controlPlane === undefined || awsRegionOf(controlPlane.location, { locations }) !== region) return region;
  return r.report('deploy.replicaRegion', region, 'another AWS region than the control plane\'s, so that audit data outlives the loss of one');
}

function readContacts(r: Reader, value: unknown): Maybe<ContactsInput> {
  const o = r.object('deploy.contacts', value, ['page', 'ticket']);
  if (o === undefined) return undefined;
  const [page, ticket] = (['page', 'ticket'] as const).map((severity) => readAddressees(r, at('deploy.contacts', severity), o[severity]));
  return page === undefined || ticket === undefined ? undefined : { page, ticket };
}

function readAddressees(r: Reader, path: string, value: unknown): Maybe<string[]> {
  const list = r.list(path, value, 1, CONTACTS_MAX);
  const seen = new Set<unknown>();
  for (const [i, contact] of (list ?? []).entries()) {
    const hint = typeof contact === 'string' && contact.startsWith('http://') ? 'https, not http: alarms say what is broken' : undefined;
    if (!isContact(contact)) r.report(at(path, i), contact, 'an e-mail address, or an https URL', hint);
    else if (seen.has(contact)) r.report(at(path, i), contact, 'each address once');
    seen.add(contact);
  }
  return list as Maybe<string[]>;
}

function isContact(contact: unknown): boolean {
  if (typeof contact !== 'string' || contact.length > 2_000) return false;
  const [, host] = /^[^\s@<>()[\]\\,;:"\p{Cc}]{1,64}@([^@]+)$/u.exec(contact) ?? [];
  if (host !== undefined) return DOMAIN.test(host.toLowerCase());
  if (!/^https:\/\/[^\s\p{Cc}]+$/u.test(contact) || !URL.canParse(contact)) return false;
  const { hostname, username, password } = new URL(contact);
  return DOMAIN.test(hostname) && username === '' && password === '';
}

function readState(r: Reader, value: unknown): Maybe<StateInput> {
  const path = 'deploy.state';
  const o = r.object(path, value, ['bucket', 'region', 'kmsKeyArn']);
  if (o === undefined) return undefined;
  const bucket = r.text(
    at(path, 'bucket'), o['bucket'], /^(?=.{3,63}$)(?!.*\.\.)[a-z0-9][a-z0-9.-]*[a-z0-9]$/, 'the name of an S3 bucket: 3 to 63 small letters, digits, dots and dashes',
  );
  const region = readAwsRegion(r, at(path, 'region'), o['region']);
  if (bucket === undefined || region === undefined) return undefined;
  if (o['kmsKeyArn'] === undefined) return { bucket, region };
  const arn = new RegExp(`^arn:aws:kms:${region}:\\d{12}:key/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`);
  const kmsKeyArn = r.text(at(path, 'kmsKeyArn'), o['kmsKeyArn'], arn, `the ARN of a KMS key in the bucket's AWS region: arn:aws:kms:${region}:<account>:key/<id>`);
  return kmsKeyArn === undefined ? undefined : { bucket, region, kmsKeyArn };
}

function readRetention(r: Reader, value: unknown, auditDefault: number): Maybe<Required<RetentionInput>> {
  const path = 'deploy.retention';
  const o = r.object(path, value, ['logDays', 'backupDays', 'auditDays']);
  if (o === undefined) return undefined;
  const logDays = readLogDays(r, or(o['logDays'], 90));
  const backupDays = r.integer(at(path, 'backupDays'), or(o['backupDays'], 35), 7, 35, 'days, 7 to 35');
  const auditDays = r.integer(at(path, 'auditDays'), or(o['auditDays'], auditDefault), 1, 36_500, 'days, 1 to 36500');
  return logDays === undefined || backupDays === undefined || auditDays === undefined ? undefined : { logDays, backupDays, auditDays };
}

function readLogDays(r: Reader, value: unknown): Maybe<number> {
  if (LOG_DAYS.some((days) => days === value)) return value as number;
  const above = typeof value === 'number' && value > 0 ? LOG_DAYS.find((days) => days > value) : undefined;
  return r.report('deploy.retention.logDays', value, `days that CloudWatch Logs knows: ${LOG_DAYS.join(', ')}`, above === undefined ? undefined : `the next above is ${above}`);
}

function readTags(r: Reader, value: unknown): Record<string, string> {
  const path = 'deploy.tags';
  const tags: Record<string, string> = {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    r.report(path, value, 'an object: { team: "settlement" }');
    return tags;
  }
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length > TAG_LIMITS.count) r.say(path, `${entries.length} tags`, `at most ${TAG_LIMITS.count}, so that the kit's own fit on a resource, too`);
  for (const [key, text] of entries) {
    if (!TAG_LIMITS.key.test(key)) r.report(at(path, key), key, 'a key of 1 to 128 letters, digits, spaces and _ . : / = + - @');
    else if (/^(?:aws|tidemark):/i.test(key)) r.report(at(path, key), key, 'a key that does not begin with aws: or tidemark:, which are taken');
    else if (typeof text !== 'string' || !TAG_LIMITS.value.test(text)) r.report(at(path, key), text, 'text of at most 256 letters, digits, spaces and _ . : / = + - @');
    else tags[key] = text;
  }
  return tags;
}

function readSizes(r: Reader, value: unknown, defaults: Deploy['sizes']): Maybe<Deploy['sizes']> {
  const o = r.object('deploy.sizes', value, TIERS);
  if (o === undefined) return undefined;
  const read = TIERS.map((tier) => [tier, r.oneOf(at('deploy.sizes', tier), or(o[tier], defaults[tier]), SIZES)] as const);
  return Object.fromEntries(read) as Deploy['sizes'];
}

/** A file on one machine's disk can't be shared by replicas on several. */
function checkStorage(r: Reader, regions: readonly RegionParts[], storage: Maybe<Deploy['storage']>): void {
  if (storage !== 'embedded') return;
  for (const { path, replicas } of regions) {
    if (replicas !== undefined && replicas > 1) {
      r.report(at(path, 'replicas'), replicas, '1 with embedded storage, whose order is a file on one disk', 'deploy.storage: "managed" has a cluster for it');
    }
  }
}

/** What AWS could not be asked to name. */
function checkNames(r: Reader, { name, controlPlane, regions }: Surroundings, environment: Maybe<string>, domain: Maybe<string>): void {
  if (name !== undefined && environment !== undefined) {
    const prefix = `${name}-${environment}`;
    const { prefixMax, siteMax } = NAME_LIMITS;
    if (prefix.length > prefixMax) {
      r.report('deploy.environment', environment, `a name that makes ${prefix} no longer than ${prefixMax} characters (now ${prefix.length}): buckets are called after it`);
    } else {
      const idMax = siteMax - prefix.length - 1;
      for (const [path, id] of sitePaths(controlPlane, regions)) {
        if (id.length > idMax) r.report(path, id, `at most ${idMax} characters when deployed: roles and hosts are called ${prefix}-<id> and more, 64 characters at most`);
      }
    }
  }
  for (const [path, id] of sitePaths(undefined, regions)) {
    if (id === CONTROL_LABEL) r.report(path, id, `another name when deployed: ${CONTROL_LABEL}.<domain> is the control plane's`);
  }
  if (domain === undefined) return;
  const hosts = [controlHost({ domain }), ...regions.flatMap(({ id }) => (id === undefined ? [] : replicaHosts({ domain }, { id, replicas: 1 })))];
  const longest = hosts.reduce((a, b) => (b.length > a.length ? b : a), '');
  if (longest.length > NAME_LIMITS.certificateMax) {
    r.report('deploy.domain', domain, `a domain that makes ${longest} no longer than ${NAME_LIMITS.certificateMax} characters (now ${longest.length}): a certificate is made out to it`);
  }
}

const sitePaths = (controlPlane: Maybe<ControlPlane>, regions: readonly RegionParts[]): (readonly [path: string, id: string])[] => [
  ...(controlPlane === undefined ? [] : [['controlPlane.id', controlPlane.id] as const]),
  ...regions.flatMap(({ path, id, edges }) => [
    ...(id === undefined ? [] : [[at(path, 'id'), id] as const]),
    ...edges.flatMap((edge, i) => (edge.id === undefined ? [] : [[at(at(at(path, 'edges'), i), 'id'), edge.id] as const])),
  ]),
];

