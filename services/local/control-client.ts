/** The local control API from another process: how the command line reaches the platform that runs in a data folder. */
import { readFileSync } from 'node:fs';
import { problemOf } from '../protocol/http-client.ts';
import type { Operations } from './control-api.ts';
import { readRunState, type Partition, type RunState } from './run-state.ts';

export interface LocalClient {
  readonly token: string;
  state(): Promise<RunState>;
  links(): ReturnType<Operations['links']>;
  partition: Operations['partition'];
  heal: Operations['heal'];
  kill: Operations['kill'];
  setWan: Operations['setWan'];
}

/** No platform runs in the data folder. */
export class NotRunningError extends Error {
  override readonly name = 'NotRunningError';
}

const TIMEOUT_MS = 10_000;

/**
 * The platform that runs in the folder, asked whether it does.
 * @throws NotRunningError
 */
export async function findLocalPlatform(dataDir: string): Promise<LocalClient> {
  const found = readRunState(dataDir);
  if (found === null) throw new NotRunningError(`no platform runs in ${dataDir}; start one with \`tidemark up\``);
  const client = createLocalClient(found);
  const gone = (): NotRunningError =>
    new NotRunningError(`the platform in ${dataDir} (process ${found.pid}) is gone; start it again with \`tidemark up\``);
  const now = await client.state().catch(() => {
    throw gone();
  });
  // Somebody else's platform may have taken the port since.
  if (now.pid !== found.pid || now.startedAt !== found.startedAt) throw gone();
  return client;
}

/** A client for the platform that wrote this state. @throws Problem as the API answers, Error when it cannot be reached */
export function createLocalClient(found: Pick<RunState, 'localUrl' | 'tokenFile'>): LocalClient {
  const token = readFileSync(found.tokenFile, 'utf8').trim();
  async function call<T>(method: string, path: string, json?: object): Promise<T> {
    const url = `${found.localUrl}${path}`;
    const response = await fetch(url, {
      method, signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { authorization: `Bearer ${token}`, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const body = Buffer.from(await response.arrayBuffer());
    if (!response.ok) throw problemOf(url, { status: response.status, headers: Object.fromEntries(response.headers), body });
    return JSON.parse(body.toString('utf8')) as T;
  }
  return {
    token,
    state: () => call('GET', '/v1/local'),
    links: () => call('GET', '/v1/wan'),
    partition: (site, forMs) => call<Partition>('POST', '/v1/partitions', forMs === undefined ? { site } : { site, forMs }),
    heal: async (site) => {
      const one = site === undefined ? '' : `/${encodeURIComponent(site)}`;
      return (await call<{ healed: string[] }>('DELETE', `/v1/partitions${one}`)).healed;
    },
    kill: (site, signal) => call('POST', `/v1/sites/${encodeURIComponent(site)}/kill`, { signal }),
    setWan: async (wan) => {
      await call('PUT', '/v1/wan', wan);
    },
  };
}
