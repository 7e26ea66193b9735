/**
 * What narrows a statement and what only looks like it: a condition counts when its operator needs the key to be there, its key
 * is one that the caller cannot choose, and every value names somebody or something (Amazon S3 User Guide, "The meaning of
 * public"; IAM User Guide, "AWS global condition context keys").
 */
import { isAnywhere } from './network.ts';
import type { Condition, PolicyStatement } from './policy.ts';
import { partsOf } from './template.ts';

/** Operators that do not hold when the key is missing; `...IfExists`, `ForAllValues:` and negations do. */
const POSITIVE = /^(?:ForAnyValue:)?(?:String(?:Equals|Like|EqualsIgnoreCase)|Arn(?:Equals|Like)|IpAddress)$/;

/** Stands for an expression: a reference names what it refers to. */
const NAMED = 'x';
export const written = (value: string): string => partsOf(value).map((part) => ('literal' in part ? part.literal : NAMED)).join('');
/** `&{aws:...}` and `$${aws:...}` are the request's own words. */
const isNamed = (text: string | undefined): boolean => text !== undefined && /^[^*?]+$/.test(text) && !/[$&]\{/.test(text);

const exactly = (value: string): boolean => isNamed(written(value));
const firstOf = (separator: string) => (value: string): boolean => isNamed(written(value).split(separator)[0]);

/** An ARN of one account; where ARNs have none (S3), of a name that has no wildcard. */
function arnOfOne(value: string): boolean {
  const text = written(value);
  if (!text.startsWith('arn:')) return isNamed(text);
  const [, , service, , account, ...resource] = text.split(':');
  return account === '' && service === 's3' ? isNamed(resource.join(':').split('/')[0]) : isNamed(account);
}

const network = (value: string): boolean => exactly(value) && !isAnywhere(value);

/**
 * Keys that bind a request to a caller, an account, an organisation or a network of one's own. Not among them, since anybody can
 * meet them: kms:ViaService, aws:PrincipalTag and aws:username (everyone names and tags their own), aws:VpcSourceIp (private
 * addresses are in every VPC), sts:ExternalId (no secret).
 */
const OF_CALLERS: Readonly<Record<string, (value: string) => boolean>> = {
  'aws:sourcearn': arnOfOne,
  'aws:sourceaccount': exactly,
  'aws:sourceowner': exactly,
  'aws:sourceorgid': exactly,
  'aws:sourceorgpaths': firstOf('/'),
  'aws:sourcevpc': exactly,
  'aws:sourcevpce': exactly,
  'aws:sourceip': network,
  'aws:principalarn': arnOfOne,
  'aws:principalaccount': exactly,
  'aws:principalorgid': exactly,
  'aws:principalorgpaths': firstOf('/'),
  'aws:userid': firstOf(':'),
  'kms:calleraccount': exactly,
  's3:dataaccesspointaccount': exactly,
  's3:dataaccesspointarn': arnOfOne,
};

const holds = ({ test, values }: Condition, accepts: (value: string) => boolean): boolean =>
  POSITIVE.test(test) && values.length > 0 && values.every(accepts);

/** Whether conditions keep strangers out of a statement for everyone. */
export const narrowsCallers = ({ conditions }: PolicyStatement): boolean =>
  conditions.some((c) => Object.hasOwn(OF_CALLERS, c.key) && holds(c, OF_CALLERS[c.key]!));

/** Its resources cannot be named before they are made: `snapshot/*`. */
const NAMELESS = ['ec2'];

/** Whether a resource is all there are of a service or of a kind: `*`, `arn:aws:kms:*:*:key/*`, `...:secret:*`. */
export function isEverything(resource: string): boolean {
  const text = written(resource);
  if (/^[*?]+$/.test(text)) return true;
  if (!text.startsWith('arn:')) return false;
  const [, , service = '', , , ...rest] = text.split(':');
  if (rest.length === 0) return text.endsWith('*');
  // What comes first in ARNs of S3 is no kind but the bucket's name.
  const which = service === 's3' ? rest.join(':') : rest.join(':').replace(/^[\w-]+[:/]/, '');
  return !NAMELESS.includes(service) && /^[*?]+(?:[:/][*?]+)*$/.test(which);
}

/** Keys that say which of the resources: their tags, aliases, cluster, encryption context. Who calls, or how, is not among them. */
const OF_RESOURCES = /^(?:[\w-]+:resourcetag\/.+|rds:[\w-]+-tag\/.+|s3:existingobjecttag\/.+|kms:(?:resourcealiases|requestalias)|kms:encryptioncontext:.+|ecs:cluster)$/;

/** Whether conditions choose among the resources of a statement. */
export const narrowsResources = ({ conditions }: PolicyStatement): boolean =>
  conditions.some((c) => OF_RESOURCES.test(c.key) && holds(c, (value) => value !== '' && !/^(?:alias\/)?[*?]+$/.test(value) && !isEverything(value)));

/** A subject whose owner is named: `repo:acme/*` is of one organisation, `repo:*` and `repo:acme*` are of anybody's. */
function subject(value: string): boolean {
  const text = written(value);
  if (isNamed(text)) return true;
  return text.startsWith('system:serviceaccount:')
    ? /^system:serviceaccount:[^:*?]+:/.test(text)
    : /^[^:*?]+:[^/:*?]+[/:]/.test(text);
}

/** Claims of an identity provider's tokens that a trust policy has to ask for and does not. */
export function claimsMissing({ principals, conditions }: PolicyStatement): readonly string[] {
  const federated = principals.filter((principal) => principal.startsWith('Federated:'));
  if (federated.length === 0) return [];
  const asks = (claim: string, accepts: (value: string) => boolean): boolean =>
    conditions.some((c) => c.key.endsWith(`:${claim}`) && holds(c, accepts));
  // A SAML provider is of one company; web identities are of everybody who has an account there.
  const isSaml = federated.every((principal) => principal.includes(':saml-provider/') || principal.includes('aws_iam_saml_provider.'));
  return [...(isSaml || asks('sub', subject) ? [] : ['sub']), ...(asks('aud', exactly) ? [] : ['aud'])];
}
