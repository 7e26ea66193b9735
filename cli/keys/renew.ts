/** New certificates for sites that have one: the same names and, unless asked otherwise, the same key. */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { nearest, sitesOf, type DeployedPlatform } from '../../platform/index.ts';
import { writeAtomic } from '../../services/local/provision.ts';
import { CliError, EXIT } from '../errors.ts';
import { certificatesOf, daysWithin } from './certificates.ts';
import { FILES, pathOf, secretFiles } from './layout.ts';
import { issueLeaf, LEAF_DAYS, newPrivateKey } from './openssl.ts';

export interface Renewed {
  readonly site: string;
  readonly file: string;
  /** When it ends, as RFC 3339. */
  readonly validTo: string;
}

export interface RenewOptions {
  /** Whether a new private key is made, too. @default false */
  readonly newKey?: boolean;
  /** Unix time, milliseconds. @default - now */
  readonly now?: number;
}

/** @throws CliError naming every site and file that it can't be done for, before anything is made */
export async function renew(platform: DeployedPlatform, dir: string, sites: readonly string[], options: RenewOptions = {}): Promise<Renewed[]> {
  const { newKey = false, now = Date.now() } = options;
  const ids = sitesOf(platform).map((site) => site.id);
  const specs = certificatesOf(platform, secretFiles(platform)).filter((spec) => sites.includes(spec.site));
  const authority = { certificate: pathOf(dir, FILES.authority), key: pathOf(dir, FILES.authorityKey) };
  const needed = [authority.certificate, authority.key, ...(newKey ? [] : specs.map((spec) => pathOf(dir, spec.key)))];
  const mistakes = [
    ...sites.filter((site) => !ids.includes(site)).map((site) => {
      const near = nearest(site, ids);
      return `no site ${site} in the config${near === null ? `; it has ${ids.slice(0, 20).join(', ')}` : `; did you mean ${near}?`}`;
    }),
    ...needed.filter((path) => !existsSync(path)).map((path) => `${path}: is not here; put it back for that long`),
  ];
  if (mistakes.length > 0) throw new CliError(EXIT.usage, 'cannot-renew', mistakes.join('\n'));

  const issuer = new X509Certificate(readFileSync(authority.certificate));
  const days = daysWithin(issuer, LEAF_DAYS, now);
  if (days < 1) throw new CliError(EXIT.failed, 'authority-expired', `${authority.certificate} has expired on ${issuer.validTo}; make a new authority in another folder, and trust both until every site has a certificate of the new one`);
  const renewed: Renewed[] = [];
  for (const spec of specs) {
    const [path, keyPath] = [pathOf(dir, spec.certificate), pathOf(dir, spec.key)];
    // The certificate follows its key at once; a run that ends in between is told by the next one, which finds that they don't match.
    if (newKey) writeAtomic(keyPath, newPrivateKey());
    const pem = await issueLeaf({ ...spec, days }, keyPath, authority);
    writeAtomic(path, pem);
    renewed.push({ site: spec.site, file: spec.certificate, validTo: new X509Certificate(pem).validToDate.toISOString() });
  }
  return renewed;
}
