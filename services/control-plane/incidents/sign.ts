/** Deliveries are signed as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com, "Signature scheme"), so that receivers can use its libraries. */
import { createHmac } from 'node:crypto';
import { WEBHOOK_SECRET_BYTES, WEBHOOK_SECRET_PREFIX, type Webhook } from '../../../platform/index.ts';

/** While one secret follows another, deliveries are signed with both. */
const SECRETS_MAX = 3;

/** Keys of each webhook, by its id. */
export type SigningKeys = ReadonlyMap<string, readonly Buffer[]>;

/**
 * Keys for exactly these webhooks; secrets of others may be there and are not looked at.
 *
 * @param text a JSON object: webhook id -> secret, or a list of secrets
 * @throws Error naming every webhook without a good secret, never one
 */
export function parseWebhookSecrets(text: string, webhooks: readonly Pick<Webhook, 'id'>[]): SigningKeys {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    // What JSON.parse says quotes the text.
    throw new Error('not JSON; expected an object: webhook id -> signing secret');
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error('expected a JSON object: webhook id -> signing secret');
  const mistakes: string[] = [];
  const keys = new Map<string, readonly Buffer[]>();
  for (const { id } of webhooks) {
    const value: unknown = Object.hasOwn(given, id) ? (given as Record<string, unknown>)[id] : undefined;
    const secrets: readonly unknown[] = Array.isArray(value) ? value : [value];
    const read = secrets.map(keyOf);
    if (value === undefined) mistakes.push(`no secret for the webhook ${id}; \`tidemark keys create\` makes one`);
    else if (secrets.length === 0 || secrets.length > SECRETS_MAX) mistakes.push(`${id}: expected 1 to ${SECRETS_MAX} secrets, got ${secrets.length}`);
    else if (read.includes(null)) {
      mistakes.push(`${id}: expected ${WEBHOOK_SECRET_PREFIX} and ${WEBHOOK_SECRET_BYTES.least} to ${WEBHOOK_SECRET_BYTES.most} random bytes in base64`);
    } else keys.set(id, read as Buffer[]);
  }
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return keys;
}

function keyOf(secret: unknown): Buffer | null {
  if (typeof secret !== 'string' || !secret.startsWith(WEBHOOK_SECRET_PREFIX)) return null;
  const text = secret.slice(WEBHOOK_SECRET_PREFIX.length);
  const key = Buffer.from(text, 'base64');
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return isWhole && key.byteLength >= WEBHOOK_SECRET_BYTES.least && key.byteLength <= WEBHOOK_SECRET_BYTES.most ? key : null;
}

/**
 * Headers of one attempt.
 * @param id of the event, the same with each attempt
 * @param at of the attempt, milliseconds since 1970
 */
export function signatureHeaders(keys: readonly Buffer[], id: string, at: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`);
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
