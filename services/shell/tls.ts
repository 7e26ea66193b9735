/**
 * TLS by the settings: the certificate that a service serves and shows to the tier above, and whom it trusts. What a deployment
 * got wrong (a key of another certificate, half of a pair) is found at the start, not by the first client.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import { COMMON_SETTINGS } from '../../platform/index.ts';
import { parsed, readAll, SettingsError, type FileContent, type Settings } from './settings.ts';

const OLDEST = 'TLSv1.2';

/** What a server shows. */
export interface ServerCertificate {
  /** PEM, the service's own first. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly minVersion: typeof OLDEST;
  /** When the first of the chain runs out. Milliseconds since 1970. */
  readonly expiresAt: number;
  /** What a person should know of it now, or null. */
  warning(nowMs: number): string | null;
}

export interface Tls {
  /** Undefined: the service speaks plain HTTP. */
  readonly certificate: ServerCertificate | undefined;
  /** For calls to other services. Undefined: whom Node trusts, and no certificate of ours. */
  readonly secureContext: SecureContext | undefined;
}

export type TlsSettings = Pick<Settings<typeof COMMON_SETTINGS>, 'certificate' | 'certificateKey' | 'authorities'>;

/** @throws SettingsError with every mistake */
export function readTls(settings: TlsSettings): Tls {
  const { certificate, authorities } = readAll({
    certificate: () => readCertificate(settings.certificate, settings.certificateKey),
    authorities: () => (settings.authorities === undefined ? undefined : parsed(settings.authorities, certificatesOf).map(String)),
  });
  if (certificate === undefined && authorities === undefined) return { certificate, secureContext: undefined };
  const secureContext = openSsl((settings.authorities ?? settings.certificate)!, {
    ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
    // Made once: the list of well-known authorities takes milliseconds to read, and every connection would.
    ...(authorities === undefined ? {} : { ca: [...getCACertificates('default'), ...authorities] }),
  });
  return { certificate, secureContext };
}

function readCertificate(file: FileContent | undefined, keyFile: FileContent | undefined): ServerCertificate | undefined {
  if (file === undefined && keyFile === undefined) return undefined;
  if (file === undefined || keyFile === undefined) {
    const { certificate, certificateKey } = COMMON_SETTINGS;
    const [set, missing] = file === undefined ? [certificateKey, certificate] : [certificate, certificateKey];
    throw new SettingsError(`${set.env} is set and ${missing.env} is not: set both, or neither (${missing.what})`);
  }
  const { chain, key } = readAll({ chain: () => parsed(file, certificatesOf), key: () => parsed(keyFile, privateKeyOf) });
  const first = chain[0]!;
  if (!first.checkPrivateKey(key)) {
    const own = chain.find((c) => c.checkPrivateKey(key));
    throw new SettingsError(own === undefined
      ? `${keyFile.source}: not the key of the certificate in ${file.source}, which is of ${nameOf(first)}`
      : `${file.source}: begins with the certificate of ${nameOf(first)}; the service's own, ${nameOf(own)}, has to be the first`);
  }
  const pem = { cert: chain.map(String).join(''), key: keyFile.text };
  openSsl(file, pem);
  return {
    ...pem, minVersion: OLDEST, expiresAt: Math.min(...chain.map((c) => c.validToDate.getTime())),
    warning: (nowMs) => warningOf(chain, file, nowMs),
  };
}

function warningOf(chain: readonly X509Certificate[], { source }: FileContent, nowMs: number): string | null {
  for (const c of chain) {
    const from = c.validFromDate;
    const to = c.validToDate;
    if (to.getTime() <= nowMs) return `${source}: the certificate of ${nameOf(c)} expired on ${to.toISOString()}; others will refuse it`;
    if (from.getTime() > nowMs) return `${source}: the certificate of ${nameOf(c)} is not valid before ${from.toISOString()}; others will refuse it until then`;
  }
  return null;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** At least one. What stands between them is for people. */
function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in it: expected PEM, "-----BEGIN CERTIFICATE-----"');
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new Error(`certificate ${i + 1} of ${blocks.length} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  });
}

function privateKeyOf(pem: string): KeyObject {
  if (/^(?:-----BEGIN|Proc-Type:).*ENCRYPTED/m.test(pem)) throw new Error('the key is encrypted, and nobody is there to ask for its passphrase; decrypt it');
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error('no private key in it: expected PEM, "-----BEGIN PRIVATE KEY-----"', { cause: error });
  }
}

/** @throws SettingsError when OpenSSL does not take it, for instance because the key is too short */
function openSsl({ source }: FileContent, options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext({ ...options, minVersion: OLDEST });
  } catch (error) {
    throw new SettingsError(`${source}: OpenSSL does not take it: ${(error as Error).message}`, { cause: error });
  }
}

const nameOf = (c: X509Certificate): string => c.subject?.replaceAll('\n', ', ') || c.subjectAltName || c.fingerprint256;
