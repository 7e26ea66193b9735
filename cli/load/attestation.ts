/**
 * A load report as evidence: an in-toto Statement with the predicate test-result v0.1, in a DSSE envelope signed with Ed25519
 * (https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md, https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
 */
import { createHash } from 'node:crypto';
import { type Signer, type Verifier } from '../../services/transparency/index.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const PREDICATE_TYPE = 'https://in-toto.io/attestation/test-result/v0.1';

export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** DSSE's pre-authentication encoding: what is really signed. */
export function preAuthEncoding(type: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.byteLength} `), payload]);
}

export interface Evidence {
  /** The report's file name and exact bytes. */
  readonly name: string;
  readonly report: Uint8Array;
  readonly pass: boolean;
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** What the run was made with: the plan, the platform's definition. */
  readonly configuration: readonly { readonly name: string; readonly content: string }[];
}

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

export async function attest(evidence: Evidence, signer: Signer): Promise<Envelope> {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: evidence.name, digest: { sha256: sha256(evidence.report) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      result: evidence.pass ? 'PASSED' : 'FAILED',
      configuration: evidence.configuration.map(({ name, content }) => ({ name, digest: { sha256: sha256(content) } })),
      passedTests: evidence.passed, failedTests: evidence.failed,
    },
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = await signer.sign(preAuthEncoding(PAYLOAD_TYPE, payload));
  return { payloadType: PAYLOAD_TYPE, payload: payload.toString('base64'), signatures: [{ keyid: signer.vkey, sig: Buffer.from(signature).toString('base64') }] };
}

/** A signed report that is not what it says; the message says why. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
}

export interface Verified {
  readonly result: 'PASSED' | 'FAILED';
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

/**
 * What a signed report says, once it is known to be of this key and about exactly these bytes.
 *
 * @param report bytes of `report.json` @throws EvidenceError
 */
export function verifyEvidence(envelopeText: string, report: Uint8Array, verifier: Verifier): Verified {
  const envelope = json<Partial<Envelope>>(envelopeText, 'the envelope');
  if (envelope.payloadType !== PAYLOAD_TYPE) throw new EvidenceError(`the envelope holds ${JSON.stringify(envelope.payloadType)?.slice(0, 80)}, not ${PAYLOAD_TYPE}`);
  const payload = Buffer.from(String(envelope.payload), 'base64');
  const signed = Array.isArray(envelope.signatures) && envelope.signatures.some((s: { sig?: unknown } | null) => {
    const signature = Buffer.from(String(s?.sig), 'base64');
    return signature.byteLength === 64 && verifier.verify(preAuthEncoding(PAYLOAD_TYPE, payload), signature);
  });
  if (!signed) throw new EvidenceError(`no signature of ${verifier.name} on the envelope holds`);
  const statement = json<{ predicateType?: unknown; subject?: unknown; predicate?: Partial<Record<string, unknown>> }>(payload.toString('utf8'), 'the statement');
  if (statement.predicateType !== PREDICATE_TYPE) throw new EvidenceError(`the statement is no test result: ${JSON.stringify(statement.predicateType)?.slice(0, 120)}`);
  const digests = (Array.isArray(statement.subject) ? statement.subject : []).map((s: { digest?: { sha256?: unknown } } | null) => s?.digest?.sha256);
  if (!digests.includes(sha256(report))) throw new EvidenceError(`the statement is about another report: this one has sha256 ${sha256(report)}`);
  const { result, passedTests, failedTests } = statement.predicate ?? {};
  if (result !== 'PASSED' && result !== 'FAILED') throw new EvidenceError(`the statement's result is ${JSON.stringify(result)}`);
  const names = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  return { result, passed: names(passedTests), failed: names(failedTests) };
}

function json<T>(text: string, what: string): T {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as T;
  } catch {
    // Told below.
  }
  throw new EvidenceError(`${what} is not a JSON object`);
}
