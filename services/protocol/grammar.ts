/**
 * What ids, codes, numbers and hashes look like, as sources of regular expressions: the one place where it is written.
 *
 * A source matches in the middle of a larger expression, so those with alternatives stand in a group of their own. The
 * `..._PATTERN`s match a whole text, for JSON Schema and for single fields.
 */

/** Ids of settlements, accounts and sites: no character that JSON, a URL path or a log line would have to escape. */
export const ID = '[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}';
export const ASSET = '[A-Z][A-Z0-9]{1,11}';
/** 18 digits: a sum of ten amounts still fits a signed 64-bit integer. */
export const AMOUNT = '[1-9][0-9]{0,17}';
/** 15 digits: every one of these is below 2^53. */
export const NATURAL = '(?:0|[1-9][0-9]{0,14})';
/** Whatever a balance may be, and some that do not fit 64 bits: whoever uses it compares with `BALANCE_MAX`. */
export const BALANCE = '(?:0|-?[1-9][0-9]{0,18})';
/** The balances that need no such look: 18 digits are below 2^63. */
export const BALANCE_SHORT = '(?:0|-?[1-9][0-9]{0,17})';
/** An overdraft limit, in minor units. */
export const LIMIT = '(?:0|[1-9][0-9]{0,17})';
/** SHA-256, base64. */
export const HASH_BASE64 = '[A-Za-z0-9+/]{43}=';
/** What a decision calls its policy: see `policyDigest`. */
export const POLICY_DIGEST = '[0-9a-f]{16}';
/** 16 random bytes. */
export const NONCE = '[0-9a-f]{32}';
/** A W3C trace context of version 00 that is sampled, in 55 characters: trace id, parent id, flags. No id is all zero. */
export const TRACEPARENT = '00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01';

const whole = <S extends string>(source: S): `^${S}$` => `^${source}$`;

export const ID_PATTERN = whole(ID);
export const ASSET_PATTERN = whole(ASSET);
export const AMOUNT_PATTERN = whole(AMOUNT);
export const NATURAL_PATTERN = whole(NATURAL);
export const BALANCE_PATTERN = whole(BALANCE);
export const LIMIT_PATTERN = whole(LIMIT);
export const HASH_BASE64_PATTERN = whole(HASH_BASE64);
export const POLICY_DIGEST_PATTERN = whole(POLICY_DIGEST);
export const NONCE_PATTERN = whole(NONCE);
export const TRACEPARENT_PATTERN = whole(TRACEPARENT);

/**
 * Why an edge node refuses. `overflow`: what this node has promised would no longer fit 64 bits, so much is waiting to become
 * final.
 */
export const REFUSALS = [
  'account-unknown', 'asset-mismatch', 'insufficient-funds', 'offline-limit-account', 'offline-limit-node', 'stale-state', 'overflow',
] as const;
/** Why the ledger rejects: a refusal's reason is kept. */
export const REJECTIONS = [...REFUSALS, 'id-conflict'] as const;

/** One of these words. */
export const oneOf = (words: readonly string[]): string => `(?:${words.join('|')})`;
