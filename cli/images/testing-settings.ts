/** For tests: the settings of one service of each kind of a small platform, with real keys, as a container gets them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentVariable, definePlatform, SERVICES, type ServiceId, type Setting } from '../../platform/index.ts';
import { provision } from '../../services/local/provision.ts';

const PLATFORM = definePlatform({
  name: 'images', origin: 'images.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' }, witnessQuorum: 1,
  regions: [{ id: 'eu', location: 'eu-central-1', replicas: 1, edges: [{ id: 'eu-fra-1', location: 'eu-central-1' }] }],
  policy: { offlineAfterMs: 1_000, offlinePerAccount: { EUR: '100000' }, offlinePerNode: { EUR: '1000000' } },
});

/** Nobody listens there: services start without each other. */
const NOBODY = 'http://127.0.0.1:1';

/**
 * Their environment; files are given by their content, as from a secret.
 *
 * @param folder where keys are made
 * @param options.data folder of a service's data @default - where the contract says
 * @param options.tls whether they serve TLS, with a certificate of a site
 */
export function testSettings(
  folder: string, { data = (id) => SERVICES[id].dataFolder, tls = false }: { readonly data?: (id: ServiceId) => string; readonly tls?: boolean } = {},
): Readonly<Record<ServiceId, Record<string, string>>> {
  const made = provision(PLATFORM, folder);
  const of = (id: ServiceId, given: Record<string, string>): Record<string, string> => {
    const env: Record<string, string> = { TIDEMARK_DATA: data(id), TIDEMARK_LOG_LEVEL: 'warn' };
    for (const [name, value] of Object.entries({ trust: made.trust, ...(tls ? certificate(folder) : {}), ...given })) {
      const setting = SERVICES[id].settings[name] as Setting;
      if (setting.kind === 'file') env[contentVariable(setting)] = readFileSync(value, 'utf8');
      else env[setting.env] = value;
    }
    return env;
  };
  return {
    'edge-node': of('edge-node', { site: 'eu-fra-1', key: made.edgeKey('eu-fra-1'), policy: made.policy, regionUrls: NOBODY }),
    'regional-aggregator': of('regional-aggregator', {
      site: 'eu', key: made.replicaKey('eu', 0), regionKey: made.regionKey('eu'), controlUrl: NOBODY,
      stream: `sqlite:${join(data('regional-aggregator'), 'stream.db')}`,
    }),
    'control-plane': of('control-plane', { site: 'global', key: made.globalKey, witnessUrls: JSON.stringify({ eu: [NOBODY] }) }),
  };
}

/** A certificate that nobody vouches for, for a site. */
export function certificate(folder: string): { readonly certificate: string; readonly certificateKey: string } {
  mkdirSync(folder, { recursive: true });
  const [key, cert] = [join(folder, 'tls-key.pem'), join(folder, 'tls.pem')];
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=eu-fra-1', '-keyout', key, '-out', cert,
  ], { stdio: 'pipe' });
  return { certificate: cert, certificateKey: key };
}
