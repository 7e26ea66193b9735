/**
 * The settings of a service, from its environment: one typed contract for the local platform, container definitions and
 * tests. Every mistake is reported at once.
 */
export interface Setting {
  readonly env: string;
  readonly what: string;
  /** Without a default the setting is required. */
  readonly default?: string;
  readonly optional?: true;
  readonly kind: 'text' | 'port' | 'number' | 'list' | 'json';
}

/** Settings that every service has. */
export const COMMON_SETTINGS = {
  site: { env: 'TIDEMARK_SITE', kind: 'text', what: 'id of this site, as in the platform definition' },
  data: { env: 'TIDEMARK_DATA', kind: 'text', what: 'folder for this service\'s data' },
  host: { env: 'TIDEMARK_HOST', kind: 'text', default: '127.0.0.1', what: 'address to listen on' },
  port: { env: 'TIDEMARK_PORT', kind: 'port', default: '0', what: 'port to listen on; 0 lets the system choose' },
  trust: { env: 'TIDEMARK_TRUST', kind: 'text', what: 'path of trust.json: the public keys of the platform' },
  key: { env: 'TIDEMARK_KEY', kind: 'text', what: 'path of this service\'s private key (Go note encoding)' },
  tokenFile: { env: 'TIDEMARK_TOKEN_FILE', kind: 'text', optional: true, what: 'path of the operator\'s token; without it nothing that needs the token is served' },
  logLevel: { env: 'TIDEMARK_LOG_LEVEL', kind: 'text', default: 'info', what: 'pino level: trace, debug, info, warn, error, fatal or silent' },
} as const satisfies Record<string, Setting>;

export const EDGE_SETTINGS = {
  ...COMMON_SETTINGS,
  regionUrls: { env: 'TIDEMARK_REGION_URLS', kind: 'list', what: 'base URLs of the region\'s replicas, comma-separated, in order of preference' },
  policy: { env: 'TIDEMARK_POLICY', kind: 'text', what: 'path of the policy, as canonical JSON' },
} as const satisfies Record<string, Setting>;

export const REGION_SETTINGS = {
  ...COMMON_SETTINGS,
  replica: { env: 'TIDEMARK_REPLICA', kind: 'number', default: '0', what: 'which replica of the region this is, from 0' },
  regionKey: { env: 'TIDEMARK_REGION_KEY', kind: 'text', what: 'path of the region log\'s private key' },
  stream: { env: 'TIDEMARK_STREAM', kind: 'text', what: 'the ordered stream: sqlite:<path of the file that the replicas share>' },
  peerUrls: { env: 'TIDEMARK_PEER_URLS', kind: 'list', default: '', what: 'base URLs of all replicas of the region in order, this one included, comma-separated' },
  controlUrl: { env: 'TIDEMARK_CONTROL_URL', kind: 'text', what: 'base URL of the control plane' },
} as const satisfies Record<string, Setting>;

export const CONTROL_SETTINGS = {
  ...COMMON_SETTINGS,
  ledger: { env: 'TIDEMARK_LEDGER', kind: 'text', default: 'sqlite', what: 'the ledger store: sqlite (in the data folder)' },
  assets: { env: 'TIDEMARK_ASSETS', kind: 'list', default: '', what: 'asset codes that accounts may be in, comma-separated; empty allows any' },
  witnessUrls: { env: 'TIDEMARK_WITNESS_URLS', kind: 'json', default: '{}', what: 'JSON object: region id -> list of its replicas\' base URLs' },
} as const satisfies Record<string, Setting>;

type Value<S extends Setting> = S['kind'] extends 'port' | 'number' ? number
  : S['kind'] extends 'list' ? readonly string[]
  : S['kind'] extends 'json' ? unknown
  : S extends { optional: true } ? string | undefined : string;

export type Settings<T extends Record<string, Setting>> = { readonly [K in keyof T]: Value<T[K]> };

export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** @throws SettingsError listing every missing or malformed setting */
export function readSettings<T extends Record<string, Setting>>(spec: T, env: Readonly<Record<string, string | undefined>>): Settings<T> {
  const out: Record<string, unknown> = {};
  const mistakes: string[] = [];
  for (const [name, setting] of Object.entries(spec)) {
    const raw = env[setting.env] ?? setting.default;
    if (raw === undefined) {
      if (setting.optional !== true) mistakes.push(`${setting.env} is not set: ${setting.what}`);
      continue;
    }
    if (setting.kind === 'port' || setting.kind === 'number') {
      const most = setting.kind === 'port' ? 65535 : Number.MAX_SAFE_INTEGER;
      const value = Number(raw);
      if (!/^[0-9]+$/.test(raw) || value > most) mistakes.push(`${setting.env}: expected a whole number from 0 to ${most}, got ${JSON.stringify(raw)} (${setting.what})`);
      out[name] = value;
    } else if (setting.kind === 'list') {
      out[name] = raw.split(',').map((s) => s.trim()).filter((s) => s !== '');
    } else if (setting.kind === 'json') {
      try {
        out[name] = JSON.parse(raw);
      } catch (error) {
        mistakes.push(`${setting.env}: not JSON: ${(error as Error).message} (${setting.what})`);
      }
    } else {
      if (raw === '') mistakes.push(`${setting.env} is empty: ${setting.what}`);
      out[name] = raw;
    }
  }
  if (mistakes.length > 0) throw new SettingsError(mistakes.join('\n'));
  return out as Settings<T>;
}
