/**
 * X.509 certificates, made by the `openssl` program: Node reads them and makes keys, but issues none. The program sees a private key
 * only as a file of its owner's; nothing secret is on a command line.
 */
import { execFile } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CliError, EXIT } from '../errors.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

export const AUTHORITY_DAYS = 3_650;
/** What clients accept at most of a certificate that a well-known authority issued (CA/Browser Forum until 2026: 398); and it makes a yearly duty of it. */
export const LEAF_DAYS = 397;

/** An ECDSA P-256 private key, PKCS #8 in PEM. */
export const newPrivateKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

/** A certificate of an authority for itself. @param keyFile its private key @returns PEM */
export async function issueAuthority(commonName: string, keyFile: string): Promise<string> {
  return withFolder(async (folder) => {
    const config = write(folder, 'authority.cnf', [
      '[req]', 'prompt = no', 'distinguished_name = name', 'x509_extensions = ext', '[name]', `CN = ${commonName}`,
      '[ext]', 'basicConstraints = critical, CA:TRUE, pathlen:0', 'keyUsage = critical, keyCertSign, cRLSign', 'subjectKeyIdentifier = hash',
    ]);
    const out = join(folder, 'authority.pem');
    await openssl([
      'req', '-new', '-x509', '-sha256', '-key', keyFile, '-config', config, '-days', String(AUTHORITY_DAYS), '-set_serial', serial(), '-out', out,
    ]);
    return readFileSync(out, 'utf8');
  });
}

export interface Leaf {
  readonly commonName: string;
  /** DNS names. */
  readonly names: readonly string[];
  readonly days: number;
}

export interface AuthorityFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate of the authority for a key, for client and server. @returns PEM */
export async function issueLeaf(leaf: Leaf, keyFile: string, authority: AuthorityFiles): Promise<string> {
  return withFolder(async (folder) => {
    const config = write(folder, 'leaf.cnf', ['[req]', 'prompt = no', 'distinguished_name = name', '[name]', `CN = ${leaf.commonName}`]);
    const extensions = write(folder, 'extensions.cnf', [
      '[ext]', 'basicConstraints = critical, CA:FALSE', 'keyUsage = critical, digitalSignature', 'extendedKeyUsage = serverAuth, clientAuth',
      'subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid', `subjectAltName = ${leaf.names.map((name) => `DNS:${name}`).join(', ')}`,
    ]);
    const [request, out] = [join(folder, 'leaf.csr'), join(folder, 'leaf.pem')];
    await openssl(['req', '-new', '-sha256', '-key', keyFile, '-config', config, '-out', request]);
    await openssl([
      'x509', '-req', '-sha256', '-in', request, '-CA', authority.certificate, '-CAkey', authority.key, '-set_serial', serial(),
      '-days', String(leaf.days), '-extfile', extensions, '-extensions', 'ext', '-out', out,
    ]);
    const pem = readFileSync(out, 'utf8');
    checkIssued(pem, keyFile, authority.certificate);
    return pem;
  });
}

/** What came out is what services will check. */
function checkIssued(pem: string, keyFile: string, authorityFile: string): void {
  const certificate = new X509Certificate(pem);
  const issuer = new X509Certificate(readFileSync(authorityFile));
  if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)))) throw new CliError(EXIT.failed, 'openssl', `openssl made a certificate that ${keyFile} does not belong to`);
  if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
    throw new CliError(EXIT.failed, 'authority', `the authority's key is not the one of ${authorityFile}; put the key back that it was made with`);
  }
}

/** 16 bytes, positive, and not to be guessed (RFC 5280, section 4.1.2.2). */
const serial = (): string => `0x40${randomBytes(15).toString('hex')}`;

function write(folder: string, name: string, lines: readonly string[]): string {
  const file = join(folder, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-x509-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  try {
    // Asked for a passphrase, it finds nobody to ask.
    const running = run('openssl', [...args], { timeout: TIMEOUT_MS, env: { ...process.env, LC_ALL: 'C' } });
    running.child.stdin?.end();
    await running;
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    if (code === 'ENOENT') {
      throw new CliError(
        EXIT.failed, 'tool-missing', 'the program openssl is missing: certificates are made with it; install OpenSSL (apt-get install openssl, brew install openssl), and run the same again',
      );
    }
    const said = (stderr ?? (error as Error).message).trim().split('\n').filter((line) => !line.startsWith('-----')).slice(0, 3).join('; ');
    throw new CliError(EXIT.failed, 'openssl', `openssl ${args[0]} failed: ${said || 'without a word'}`);
  }
}
