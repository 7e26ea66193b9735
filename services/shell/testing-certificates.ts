/** For tests: an authority and certificates by it, made with the program `openssl`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const opensslMissing = spawnSync('openssl', ['version']).status !== 0;
/** On a developer's machine without it such tests are left out, and say so; in CI they have to run. */
export const withoutOpenssl = opensslMissing && process.env['CI'] !== 'true';
if (withoutOpenssl) console.warn('tests of TLS: skipped, because the tool `openssl` is not installed');

/** Both PEM, and where they lie. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface Authority extends Issued {
  /** @param names as in subjectAltName: `IP:127.0.0.1,DNS:localhost` */
  issue(commonName: string, names?: string): Issued;
  /** One that this authority vouches for, whose certificates come as a chain. */
  intermediate(commonName: string): Authority;
}

export const LOOPBACK = 'IP:127.0.0.1,DNS:localhost';
const DAYS = '2';

/** @param finished takes what has to be done when the test is over */
export function createAuthority(commonName: string, finished: (clean: () => void) => void): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'authority-'));
  finished(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  let made = 0;

  function paths(): { at: (extension: string) => string; done: (chain?: string) => Issued } {
    made += 1;
    const at = (extension: string): string => join(folder, `${made}.${extension}`);
    const [certPath, keyPath] = [at('crt'), at('key')];
    const done = (chain = ''): Issued => {
      if (chain !== '') writeFileSync(certPath, readFileSync(certPath, 'utf8') + chain);
      return { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8'), certPath, keyPath };
    };
    return { at: (extension) => (extension === 'crt' ? certPath : extension === 'key' ? keyPath : at(extension)), done };
  }

  function authority(own: Issued, chain: string): Authority {
    const sign = (name: string, extensions: string): Issued => {
      const { at, done } = paths();
      writeFileSync(at('ext'), extensions);
      run('req', '-new', ...newKey, '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr'));
      run('x509', '-req', '-in', at('csr'), '-CA', own.certPath, '-CAkey', own.keyPath, '-set_serial', String(made), '-days', DAYS,
        '-extfile', at('ext'), '-out', at('crt'));
      return done(chain);
    };
    return {
      ...own,
      issue: (name, names = LOOPBACK) => sign(name, `subjectAltName=${names}\n`),
      intermediate(name) {
        const issued = sign(name, 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n');
        return authority(issued, issued.cert);
      },
    };
  }

  const { at, done } = paths();
  run('req', '-x509', ...newKey, '-subj', `/CN=${commonName}`, '-days', DAYS, '-keyout', at('key'), '-out', at('crt'));
  return authority(done(), '');
}
