/**
 * A load report as evidence: an in-toto Statement with the predicate test-result v0.1, in a DSSE envelope signed with Ed25519
 * (https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md, https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
 */
import { createHash } from 'node:crypto';
import { type Signer } from '../../services/transparency/index.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

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
    predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
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
