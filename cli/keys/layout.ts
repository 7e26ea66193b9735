/**
 * Where everything lies in the folder that `tidemark keys` keeps, and under which name each of it goes to Secrets Manager:
 *
 *     ca.pem  ca.key              the platform's own authority
 *     trust.json                  who is who, by public key
 *     deployment.json             what the folder was made for: the memory that changes are checked against
 *     secrets.json                secret name -> file and AWS region
 *     <site>/...                  one file for each secret of the site, named like it
 */
import { join } from 'node:path';
import { awsRegionOf, secretName, secretsOf, sitesOf, type DeployedPlatform, type StackRef } from '../../platform/index.ts';

export const FILES = {
  authority: 'ca.pem', authorityKey: 'ca.key', trust: 'trust.json', deployment: 'deployment.json', secrets: 'secrets.json', ignore: '.gitignore',
} as const;

/** All but these is secret; whoever commits the folder commits these alone. */
export const GITIGNORE = `# Private keys and tokens stay out of version control.\n/*\n${
  [FILES.ignore, FILES.authority, FILES.trust, FILES.deployment, FILES.secrets].map((file) => `!/${file}`).join('\n')}\n`;

/** Names of files that people and programs know by their ending. */
const ENDINGS: Readonly<Record<string, string>> = {
  trust: 'trust.json', 'tls-cert': 'tls.crt', 'tls-key': 'tls.key', 'stream-tls-cert': 'stream-tls.crt', 'stream-tls-key': 'stream-tls.key',
  'webhook-secrets': 'webhook-secrets.json',
};

export interface SecretFile {
  readonly site: string;
  readonly stack: Pick<StackRef, 'kind' | 'id'>;
  /** The last part of its name: `tls-key`. */
  readonly what: string;
  /** In Secrets Manager. */
  readonly name: string;
  readonly awsRegion: string;
  /** Relative to the folder, with `/`. */
  readonly file: string;
}

/** Every secret of a deployment, site by site. */
export function secretFiles(platform: DeployedPlatform): SecretFile[] {
  const { environment } = platform.deploy;
  return sitesOf(platform).flatMap((site) => {
    const stack = site.tier === 'global' ? { kind: 'global' as const } : { kind: site.tier, id: site.id };
    return secretsOf(platform, stack).map((what): SecretFile => ({
      site: site.id, stack, what, name: secretName({ platform: platform.name, environment, ...stack }, what),
      awsRegion: awsRegionOf(site.location, platform), file: `${site.id}/${ENDINGS[what] ?? what}`,
    }));
  });
}

export const pathOf = (dir: string, file: string): string => join(dir, ...file.split('/'));
