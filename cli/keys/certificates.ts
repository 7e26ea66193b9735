/** Which certificates a deployment has, for whom and by which names, and what can be wrong with one that is there. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { controlHost, replicaHosts, siteHost, sitesOf, streamHosts, type DeployedPlatform } from '../../platform/index.ts';
import { pathOf, type SecretFile } from './layout.ts';

/** Days before its end from which on a certificate is said to need renewal. */
export const RENEW_DAYS = 30;
const DAY_MS = 86_400_000;

export interface CertificateSpec {
  readonly site: string;
  readonly commonName: string;
  readonly names: readonly string[];
  /** Relative to the folder. */
  readonly certificate: string;
  readonly key: string;
}

export function certificatesOf(platform: DeployedPlatform, files: readonly SecretFile[]): CertificateSpec[] {
  const { deploy } = platform;
  const bySite = Map.groupBy(files, (f) => f.site);
  const specs: CertificateSpec[] = [];
  for (const site of sitesOf(platform)) {
    const file = (what: string): string | undefined => bySite.get(site.id)?.find((f) => f.what === what)?.file;
    const add = (prefix: string, commonName: string, names: readonly string[]): void => {
      const [certificate, key] = [file(`${prefix}tls-cert`), file(`${prefix}tls-key`)];
      if (certificate !== undefined && key !== undefined) specs.push({ site: site.id, commonName, names, certificate, key });
    };
    const region = site.tier === 'region' ? platform.regions.find((r) => r.id === site.id) : undefined;
    const more = site.tier === 'global' ? [controlHost(deploy)] : region === undefined ? [] : replicaHosts(deploy, region);
    add('', site.id, [siteHost(deploy, site), ...more]);
    // A dot is in no site's id, so that nobody takes a stream's server for a site.
    if (region !== undefined) add('stream-', `stream.${site.id}`, streamHosts(deploy, region));
  }
  return specs;
}

export interface Findings {
  /** What must be put right before anything is made. */
  readonly mistakes: string[];
  /** What somebody has to do. */
  readonly notices: string[];
}

/** Looks at a certificate that is there: whether it belongs to its key and to the authority, and still says the right things. */
export function inspect(dir: string, spec: CertificateSpec, authority: X509Certificate | undefined, now: number): Findings {
  const findings: Findings = { mistakes: [], notices: [] };
  const [path, keyPath] = [pathOf(dir, spec.certificate), pathOf(dir, spec.key)];
  const certificate = read(path, (text) => new X509Certificate(text), findings);
  const key = existsSync(keyPath) ? read(keyPath, createPrivateKey, findings) : undefined;
  if (certificate === undefined) return findings;
  const renew = `run \`tidemark keys renew ${dir} ${spec.site}\``;
  if (key !== undefined && !certificate.checkPrivateKey(key)) findings.mistakes.push(`${path}: ${spec.key} is not its key; put back the pair that belongs together`);
  if (authority !== undefined && (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey))) {
    findings.mistakes.push(`${path}: not of the authority in ca.pem; put back the ca.pem that it was issued under, or ${renew}`);
  }
  const names = namesOf(certificate);
  const missing = spec.names.filter((name) => !names.includes(name));
  if (missing.length > 0) findings.notices.push(`${path} is not for ${missing.join(', ')}: ${renew}`);
  const left = Math.floor((certificate.validToDate.getTime() - now) / DAY_MS);
  if (left < 0) findings.notices.push(`${path} has expired on ${certificate.validTo}: ${renew}`);
  else if (left < RENEW_DAYS) findings.notices.push(`${path} expires in ${left} days: ${renew}`);
  return findings;
}

export const namesOf = (certificate: X509Certificate): string[] =>
  (certificate.subjectAltName ?? '').split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4)] : []));

/** @param parse its error may name no content: the file may be a private key in the wrong place */
function read<T>(path: string, parse: (text: Buffer) => T, findings: Findings): T | undefined {
  try {
    return parse(readFileSync(path));
  } catch {
    findings.mistakes.push(`${path}: not what it should be (PEM); put it back from a copy`);
    return undefined;
  }
}

/** Days that a certificate made now may last: no longer than its authority. */
export const daysWithin = (authority: X509Certificate, days: number, now: number): number =>
  Math.min(days, Math.floor((authority.validToDate.getTime() - now) / DAY_MS));
