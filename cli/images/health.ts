/**
 * Asks the service in the same container whether it is well. It becomes /app/health.mjs of every image, which is what
 * HEALTHCHECK and the container definitions run, so it reads the same settings as the service.
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { COMMON_SETTINGS, contentVariable } from '../../platform/services.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface Target {
  readonly protocol: 'http:' | 'https:';
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1', '': '127.0.0.1' };

/** @param service its contract: where it listens when the settings don't say */
export function healthTarget(service: { readonly port: number; readonly healthPath: string }, env: Env): Target {
  const host = env[COMMON_SETTINGS.host.env] ?? '';
  const port = Number(env[COMMON_SETTINGS.port.env] ?? 0);
  const { certificate } = COMMON_SETTINGS;
  const tls = [certificate.env, contentVariable(certificate)].some((name) => (env[name] ?? '') !== '');
  return { protocol: tls ? 'https:' : 'http:', host: ANY_ADDRESS[host] ?? host, port: port > 0 ? port : service.port, path: service.healthPath };
}

/** Null when it answers 200 in time, else why not. */
export function whyUnwell(target: Target, timeoutMs: number): Promise<string | null> {
  const { protocol, host, port, path } = target;
  return new Promise((resolve) => {
    const options = {
      host, port, path, method: 'GET', agent: false, signal: AbortSignal.timeout(timeoutMs), headers: { connection: 'close' },
      // Whether the process answers is asked, over loopback, not who it is: a certificate names the site and not 127.0.0.1,
      // and a node whose certificate ran out must not be restarted for it again and again.
      ...(protocol === 'https:' ? { rejectUnauthorized: false } : {}),
    };
    const request = (protocol === 'https:' ? requestHttps : requestHttp)(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? null : `${path} answered ${response.statusCode}`);
    });
    request.on('error', (error) => resolve(`${protocol}//${host}:${port}${path}: ${error.message}`));
    request.end();
  });
}

/** The whole of /app/health.mjs. */
export async function main(service: { readonly port: number; readonly healthPath: string }, timeoutMs: number): Promise<void> {
  const why = await whyUnwell(healthTarget(service, process.env), timeoutMs);
  if (why === null) return;
  process.stderr.write(`${why}\n`);
  process.exitCode = 1;
}
