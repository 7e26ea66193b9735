/**
 * Makes what is secret of a deployment: note keys, tokens, certificates of the platform's own authority, each as a file that
 * becomes one secret. What is there is never overwritten; what a changed config needs more is added.
 *
 * What was made once and is not there any more was put somewhere safer: it is not made again, because a new key could not carry on
 * the log of the old one, and a new token would shut people out.
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LEDGER_SECRET, sitesOf, WEBHOOK_SECRETS, type DeployedPlatform } from '../../platform/index.ts';
import {
  changesThatCannotBe, createKeyring, exposed, isExposed, layoutOf, merge, PRIVATE_FOLDER, ProvisionError, readJson, trustOf, withWebhookSecrets, writeAtomic,
  type Deployment, type Keyring, type Layout,
} from '../../services/local/provision.ts';
import { parseTrust, type TrustFile } from '../../services/transparency/index.ts';
import { makeOutFolder } from '../out-folder.ts';
import { certificatesOf, daysWithin, inspect, type CertificateSpec } from './certificates.ts';
import { FILES, GITIGNORE, pathOf, secretFiles, type SecretFile } from './layout.ts';
import { issueAuthority, issueLeaf, LEAF_DAYS, newPrivateKey } from './openssl.ts';
import { formatSecrets, readSecrets, type SecretsFile } from './secrets-file.ts';
import { trustSecrets } from './trust.ts';

const PUBLIC_FILE = 0o644;

export interface CreateResult {
  /** Files that were made now, relative to the folder. */
  readonly created: readonly string[];
  /** Files that were made once and are not here any more. */
  readonly elsewhere: readonly string[];
  /** What somebody has to do, in whole sentences. */
  readonly notices: readonly string[];
}

/**
 * @param now Unix time, milliseconds
 * @throws ProvisionError with everything that stands against it; no file that was there has changed then
 * @throws CliError when the folder is none, or openssl is missing or fails
 */
export async function createKeys(platform: DeployedPlatform, dir: string, now: number = Date.now()): Promise<CreateResult> {
  const files = secretFiles(platform);
  const specs = certificatesOf(platform, files);
  const before = readBefore(dir);
  const isKnown = (file: SecretFile): boolean => before.secrets !== undefined && Object.hasOwn(before.secrets.secrets, file.name);
  const found = check(platform, dir, files, specs, before, now);

  makeOutFolder(dir, 'the folder', PRIVATE_FOLDER);
  for (const site of sitesOf(platform)) mkdirSync(pathOf(dir, site.id), { recursive: true, mode: PRIVATE_FOLDER });
  const made = createMaker(dir);
  made.file(FILES.ignore, () => GITIGNORE, PUBLIC_FILE);

  const deployment = merge(before.deployment, platform);
  const trust = makeTrust(platform, deployment, dir, before.trust, files, made);
  for (const file of files) {
    if (file.what.endsWith('token') && !isKnown(file)) made.file(file.file, () => randomBytes(32).toString('hex'));
    if (file.what === LEDGER_SECRET && !isKnown(file)) made.file(file.file, () => JSON.stringify({ username: 'tidemark', password: randomBytes(32).toString('base64url') }));
  }
  const webhookSecrets = files.find((file) => file.what === WEBHOOK_SECRETS);
  // The one file that grows: what is in it stays.
  if (webhookSecrets !== undefined && (!isKnown(webhookSecrets) || existsSync(pathOf(dir, webhookSecrets.file)))) {
    made.always(webhookSecrets.file, withWebhookSecrets(pathOf(dir, webhookSecrets.file), platform.webhooks.map(({ id }) => id)));
  }
  const wanted = specs.filter((spec) => !existsSync(pathOf(dir, spec.certificate)) && !files.some((f) => f.file === spec.certificate && isKnown(f)));
  await makeCertificates(platform, dir, wanted, made, now);

  const trusts = trustSecrets(trust, files);
  for (const { file, text } of trusts.files) made.always(file, text);
  made.always(FILES.trust, `${JSON.stringify(trust, null, 2)}\n`, PUBLIC_FILE);
  made.always(FILES.deployment, `${JSON.stringify(deployment, null, 2)}\n`, PUBLIC_FILE);
  // Last: what it names has been made.
  made.always(FILES.secrets, formatSecrets(platform, files), PUBLIC_FILE);
  const elsewhere = files.map((file) => file.file).filter((file) => !existsSync(pathOf(dir, file)));
  return { created: made.created, elsewhere, notices: [...found.notices, ...trusts.notices] };
}

interface Before {
  readonly deployment: Deployment | null;
  readonly trust: TrustFile | null;
  readonly secrets: SecretsFile | undefined;
}

function readBefore(dir: string): Before {
  const at = (file: string): string => pathOf(dir, file);
  return {
    deployment: readJson(at(FILES.deployment)) as Deployment | null,
    trust: readJson(at(FILES.trust)) as TrustFile | null,
    secrets: existsSync(at(FILES.secrets)) ? readSecrets(dir) : undefined,
  };
}

/** Everything that stands against it, before anything is made. @returns what somebody has to do */
function check(
  platform: DeployedPlatform, dir: string, files: readonly SecretFile[], specs: readonly CertificateSpec[], before: Before, now: number,
): { readonly notices: readonly string[] } {
  const mistakes = before.deployment === null ? [] : changesThatCannotBe(before.deployment, platform);
  const notices: string[] = [];
  if (before.secrets !== undefined) {
    const { platform: name, environment } = before.secrets;
    const [was, is] = [`${name}/${environment}`, `${platform.name}/${platform.deploy.environment}`];
    if (was !== is) mistakes.push(`${FILES.secrets}: the folder is of ${was}, the config of ${is}; take another folder`);
  }
  const secret = [FILES.authorityKey, ...files.map((file) => file.file)].map((file) => pathOf(dir, file)).filter((path) => existsSync(path));
  mistakes.push(...secret.filter((path) => isExposed(path)).map(exposed));

  const [hasAuthority, hasKey] = [FILES.authority, FILES.authorityKey].map((file) => existsSync(pathOf(dir, file)));
  const present = specs.filter((spec) => existsSync(pathOf(dir, spec.certificate)));
  if (hasAuthority !== true && (before.secrets !== undefined || present.length > 0) && hasKey !== true) {
    mistakes.push(`${pathOf(dir, FILES.authority)}: is gone, and certificates were issued under it; put it back from a copy`);
  }
  const authority = hasAuthority === true ? readAuthority(dir, mistakes) : undefined;
  for (const spec of present) {
    const found = inspect(dir, spec, authority, now);
    mistakes.push(...found.mistakes);
    notices.push(...found.notices);
  }
  const missing = specs.filter((spec) => !existsSync(pathOf(dir, spec.certificate)) && before.secrets?.secrets[nameOf(files, spec)] === undefined);
  if (missing.length > 0 && hasAuthority === true && hasKey !== true) {
    mistakes.push(`${pathOf(dir, FILES.authorityKey)}: is not here, and a certificate for ${missing.map((spec) => spec.commonName).join(', ')} is to be issued; put it back for that long`);
  }
  if (mistakes.length > 0) throw new ProvisionError(`the folder ${dir} does not fit this config:\n${mistakes.map((m) => `  ${m}`).join('\n')}`);
  return { notices };
}

const nameOf = (files: readonly SecretFile[], spec: CertificateSpec): string => files.find((file) => file.file === spec.certificate)?.name ?? '';

function readAuthority(dir: string, mistakes: string[]): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(pathOf(dir, FILES.authority)));
  } catch {
    mistakes.push(`${pathOf(dir, FILES.authority)}: not a PEM certificate; put it back from a copy`);
    return undefined;
  }
}

interface Maker {
  readonly created: string[];
  /** Writes the file unless it is there. */
  readonly file: (file: string, content: () => string, mode?: number) => void;
  /** Writes the file when its content is another one. */
  readonly always: (file: string, content: string, mode?: number) => void;
}

function createMaker(dir: string): Maker {
  const created: string[] = [];
  const write = (file: string, content: string, mode: number | undefined): void => {
    const path = pathOf(dir, file);
    if (!existsSync(path)) created.push(file);
    writeAtomic(path, content, mode);
    // Public whatever the umask says: a build without this person's rights reads them.
    if (mode === PUBLIC_FILE) chmodSync(path, PUBLIC_FILE);
  };
  return {
    created,
    file: (file, content, mode) => {
      if (!existsSync(pathOf(dir, file))) write(file, content(), mode);
    },
    always: (file, content, mode) => {
      const path = pathOf(dir, file);
      if (!existsSync(path) || readFileSync(path, 'utf8') !== content) write(file, content, mode);
    },
  };
}

/** Note keys as the local platform has them, in this folder's places; keys that trust.json names are not asked for again. */
function makeTrust(
  platform: DeployedPlatform, deployment: Deployment, dir: string, before: TrustFile | null, files: readonly SecretFile[], made: Maker,
): TrustFile {
  const keyring = createKeyring(before);
  const patient: Keyring = {
    mistakes: keyring.mistakes,
    vkey: (path, name, kind, trusted) => {
      if (trusted !== undefined && !existsSync(path)) return trusted;
      const file = files.find((f) => pathOf(dir, f.file) === path)?.file;
      if (file !== undefined && !existsSync(path)) made.created.push(file);
      return keyring.vkey(path, name, kind, trusted);
    },
  };
  const trust = trustOf(platform, deployment, keyLayout(dir, platform), patient, before);
  if (keyring.mistakes.length > 0) throw new ProvisionError(`the folder ${dir} does not fit this config:\n${keyring.mistakes.map((m) => `  ${m}`).join('\n')}`);
  parseTrust(JSON.stringify(trust));
  return trust;
}

function keyLayout(dir: string, platform: DeployedPlatform): Layout {
  const at = (site: string, file: string): string => pathOf(dir, `${site}/${file}`);
  return {
    ...layoutOf(dir),
    globalKey: at(platform.controlPlane.id, 'key'),
    regionKey: (region) => at(region, 'region-key'),
    replicaKey: (region, replica) => at(region, `key-${replica}`),
    edgeKey: (edge) => at(edge, 'key'),
  };
}

async function makeCertificates(platform: DeployedPlatform, dir: string, specs: readonly CertificateSpec[], made: Maker, now: number): Promise<void> {
  const files = { certificate: pathOf(dir, FILES.authority), key: pathOf(dir, FILES.authorityKey) };
  if (!existsSync(files.certificate)) {
    made.file(FILES.authorityKey, newPrivateKey);
    const pem = await issueAuthority(`${platform.name}-${platform.deploy.environment} authority`, files.key);
    made.file(FILES.authority, () => pem, PUBLIC_FILE);
  }
  const authority = new X509Certificate(readFileSync(files.certificate));
  for (const spec of specs) {
    mkdirSync(dirname(pathOf(dir, spec.key)), { recursive: true, mode: PRIVATE_FOLDER });
    // A key without a certificate is left of a run that was interrupted: it gets one.
    made.file(spec.key, newPrivateKey);
    const pem = await issueLeaf({ ...spec, days: daysWithin(authority, LEAF_DAYS, now) }, pathOf(dir, spec.key), files);
    made.file(spec.certificate, () => pem);
  }
}
