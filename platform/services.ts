/**
 * The contract of each service as a program: its settings (environment), port, paths and user. Services read their settings
 * by it, images are built by it, and the stacks write container definitions by it, so that what is synthesized is what runs.
 */
export interface Setting {
  readonly env: string;
  readonly what: string;
  /** Without a default the setting is required. */
  readonly default?: string;
  readonly optional?: true;
  /**
   * `file`: a path in `env`, or the content itself in `<env>_CONTENT`, which is how a container gets it from a secret; not both.
   * `list`: comma-separated. `number`: whole, from 0.
   */
  readonly kind: 'text' | 'port' | 'number' | 'list' | 'json' | 'file';
  /** Whether a file's content must not be seen: it then comes from a secret store. */
  readonly secret?: true;
  /** For a setting that picks an adapter by its scheme (`sqlite:...`): the schemes. */
  readonly adapters?: Readonly<Record<string, Adapter>>;
}

/** `planned`: named here, so that deployments can be written for it; a service given one says so and does not start. */
export interface Adapter {
  readonly what: string;
  readonly state: 'available' | 'planned';
}

const SQLITE: Adapter = { what: 'a file on a disk of this machine', state: 'available' };

/** Settings that every service has. */
export const COMMON_SETTINGS = {
  site: { env: 'TIDEMARK_SITE', kind: 'text', what: 'id of this site, as in the platform definition' },
  data: { env: 'TIDEMARK_DATA', kind: 'text', what: 'folder for this service\'s data' },
  host: { env: 'TIDEMARK_HOST', kind: 'text', default: '127.0.0.1', what: 'address to listen on' },
  port: { env: 'TIDEMARK_PORT', kind: 'port', default: '0', what: 'port to listen on; 0 lets the system choose' },
  trust: { env: 'TIDEMARK_TRUST', kind: 'file', what: 'trust.json: the public keys of the platform' },
  key: {
    env: 'TIDEMARK_KEY', kind: 'file', secret: true, what: 'this service\'s private key (Go note encoding)',
    adapters: {
      file: { what: 'a note key in a file or in TIDEMARK_KEY_CONTENT', state: 'available' },
      awskms: { what: 'awskms:<key ARN>: an Ed25519 key that never leaves AWS KMS', state: 'planned' },
    },
  },
  token: {
    env: 'TIDEMARK_TOKEN_FILE', kind: 'file', secret: true, optional: true,
    what: 'the operator\'s token; without it nothing that needs the token is served',
  },
  certificate: {
    env: 'TIDEMARK_TLS_CERT', kind: 'file', optional: true,
    what: 'PEM certificate chain of this site: served to clients, and shown to the tier above',
  },
  certificateKey: { env: 'TIDEMARK_TLS_KEY', kind: 'file', secret: true, optional: true, what: 'PEM private key of the certificate' },
  authorities: {
    env: 'TIDEMARK_TLS_CA', kind: 'file', optional: true,
    what: 'PEM certificates of authorities to trust beside the well-known ones when calling other services',
  },
  slas: {
    env: 'TIDEMARK_SLAS', kind: 'file', optional: true,
    what: 'the platform\'s SLAs, a JSON list as definePlatform() returns them; without it none is measured',
  },
  otlp: {
    env: 'TIDEMARK_OTLP_ENDPOINT', kind: 'text', optional: true,
    what: 'base URL of an OTLP/HTTP receiver, http://127.0.0.1:4318: traces and metrics are sent to /v1/traces and /v1/metrics there; without it none are',
  },
  otlpHeaders: {
    env: 'TIDEMARK_OTLP_HEADERS', kind: 'file', secret: true, optional: true,
    what: 'headers of each request to the OTLP receiver, a JSON object of texts',
  },
  otlpTemporality: {
    env: 'TIDEMARK_OTLP_TEMPORALITY', kind: 'text', default: 'cumulative',
    what: 'how counters and histograms are sent: cumulative, or delta (what is new since the receiver took the last ones)',
  },
  logLevel: { env: 'TIDEMARK_LOG_LEVEL', kind: 'text', default: 'info', what: 'pino level: trace, debug, info, warn, error, fatal or silent' },
} as const satisfies Record<string, Setting>;

export const EDGE_SETTINGS = {
  ...COMMON_SETTINGS,
  regionUrls: { env: 'TIDEMARK_REGION_URLS', kind: 'list', what: 'base URLs of the region\'s replicas, comma-separated, in order of preference' },
  policy: { env: 'TIDEMARK_POLICY', kind: 'file', what: 'the policy, as canonical JSON' },
  peers: {
    env: 'TIDEMARK_PEERS', kind: 'json', default: '[]',
    what: 'other edge nodes that this one probes once a second, a JSON list of {"site", "url"}, at most 16; the url is a base URL',
  },
  telemetryWindow: {
    env: 'TIDEMARK_TELEMETRY_WINDOW_MS', kind: 'number', default: '5000',
    what: 'how long a telemetry window is, milliseconds; 0 counts, but sends nothing',
  },
  traceRatio: {
    env: 'TIDEMARK_TRACE_RATIO', kind: 'number', default: '0',
    what: 'of a million settlements whose senders do not trace them, how many are traced: 0 to 1000000',
  },
  traceClients: {
    env: 'TIDEMARK_TRACE_CLIENTS', kind: 'number', default: '100',
    what: 'requests a second whose senders may have them traced (the sampled flag of their traceparent header); 0: none',
  },
} as const satisfies Record<string, Setting>;

export const REGION_SETTINGS = {
  ...COMMON_SETTINGS,
  replica: { env: 'TIDEMARK_REPLICA', kind: 'number', default: '0', what: 'which replica of the region this is, from 0' },
  regionKey: { env: 'TIDEMARK_REGION_KEY', kind: 'file', secret: true, what: 'the region log\'s private key' },
  stream: {
    env: 'TIDEMARK_STREAM', kind: 'text', what: 'the ordered stream: sqlite:<path of the file that the replicas share>',
    adapters: {
      sqlite: SQLITE,
      nats: { what: 'nats://host:port,host:port/<stream>: a JetStream cluster', state: 'planned' },
    },
  },
  streamToken: { env: 'TIDEMARK_STREAM_TOKEN_FILE', kind: 'file', secret: true, optional: true, what: 'the token that the stream\'s servers ask for' },
  peerUrls: { env: 'TIDEMARK_PEER_URLS', kind: 'list', default: '', what: 'base URLs of all replicas of the region in order, this one included, comma-separated' },
  controlUrl: { env: 'TIDEMARK_CONTROL_URL', kind: 'text', what: 'base URL of the control plane' },
} as const satisfies Record<string, Setting>;

export const CONTROL_SETTINGS = {
  ...COMMON_SETTINGS,
  ledger: {
    env: 'TIDEMARK_LEDGER', kind: 'text', default: 'sqlite', what: 'the ledger store: sqlite (in the data folder)',
    adapters: {
      sqlite: SQLITE,
      postgres: { what: 'postgres://host:port/database', state: 'planned' },
    },
  },
  ledgerCredentials: {
    env: 'TIDEMARK_LEDGER_CREDENTIALS', kind: 'file', secret: true, optional: true,
    what: 'user and password of the ledger store, as JSON {"username", "password"}',
  },
  tiles: {
    env: 'TIDEMARK_TILES', kind: 'text', default: 'files', what: 'where tiles of the global log are: files (in the data folder)',
    adapters: {
      files: { what: 'the data folder', state: 'available' },
      s3: { what: 's3://<bucket>/<prefix>', state: 'planned' },
    },
  },
  assets: { env: 'TIDEMARK_ASSETS', kind: 'list', default: '', what: 'assets that accounts may be in, comma-separated, each with its decimal places: EUR:2; a code alone leaves them open; empty allows any' },
  dashboard: { env: 'TIDEMARK_DASHBOARD', kind: 'text', optional: true, what: 'folder of the built page that is served at /; without it there is none' },
  local: {
    env: 'TIDEMARK_LOCAL_CONTROL', kind: 'text', optional: true,
    what: 'base URL, on loopback, of the control API of the platform on this machine: its page can then cut sites off and heal them; the token is needed with it',
  },
  webhooks: { env: 'TIDEMARK_WEBHOOKS', kind: 'json', default: '[]', what: 'who is told of incidents, a JSON list of webhooks as definePlatform() returns them' },
  webhookSecrets: {
    env: 'TIDEMARK_WEBHOOK_SECRETS', kind: 'file', secret: true, optional: true,
    what: 'signing secrets of the webhooks, a JSON object: webhook id -> "whsec_..."; or a list of up to three of them, while one follows another',
  },
  witnessUrls: { env: 'TIDEMARK_WITNESS_URLS', kind: 'json', default: '{}', what: 'JSON object: region id -> list of its replicas\' base URLs' },
} as const satisfies Record<string, Setting>;

export type ServiceId = 'edge-node' | 'regional-aggregator' | 'control-plane';

/** A service as its image and its container definition see it. */
export interface ServiceContract {
  readonly id: ServiceId;
  readonly title: string;
  /** The program, relative to the root of the repository. */
  readonly entry: string;
  readonly settings: Readonly<Record<string, Setting>>;
  /** TCP port inside the container. */
  readonly port: number;
  /** Answers 200 as soon as the process serves; 503 on `readyPath` says why it can't work yet. */
  readonly healthPath: string;
  readonly readyPath: string;
  /** Prometheus text. */
  readonly metricsPath: string;
  /** Where the volume for data is mounted. */
  readonly dataFolder: string;
  /** In the image, where the built page is that it serves; it has none without. */
  readonly pageFolder?: string;
  /** User and group that it runs as. */
  readonly uid: number;
  /** How long it may take to stop after SIGTERM. Seconds. */
  readonly stopTimeoutSeconds: number;
}

const COMMON_CONTRACT = {
  port: 8080, healthPath: '/healthz', readyPath: '/readyz', metricsPath: '/metrics', dataFolder: '/data', uid: 10001, stopTimeoutSeconds: 60,
} as const;

export const SERVICES: Readonly<Record<ServiceId, ServiceContract>> = {
  'edge-node': {
    ...COMMON_CONTRACT, id: 'edge-node', title: 'Edge node', entry: 'services/edge-node/main.ts', settings: EDGE_SETTINGS,
  },
  'regional-aggregator': {
    ...COMMON_CONTRACT, id: 'regional-aggregator', title: 'Regional aggregator', entry: 'services/regional-aggregator/main.ts', settings: REGION_SETTINGS,
  },
  'control-plane': {
    ...COMMON_CONTRACT, id: 'control-plane', title: 'Control plane', entry: 'services/control-plane/main.ts', settings: CONTROL_SETTINGS,
    pageFolder: '/app/dashboard',
  },
};

/** The variable that holds a file setting's content instead of its path. */
export const contentVariable = (setting: Setting): string => `${setting.env}_CONTENT`;

/** What every image of a service holds, and how a container of it is started and asked whether it is well. */
export const IMAGE = {
  workdir: '/app',
  command: ['node', '/app/service.mjs'],
  /** Ends with 0 when `healthPath` answers 200 on the port and with the protocol (http, https) that the settings say. */
  healthCommand: ['node', '/app/health.mjs'],
  health: { intervalSeconds: 10, timeoutSeconds: 5, retries: 3, startPeriodSeconds: 60 },
  /** `tidemark/edge-node`: what the image is called in a registry and in the lock file. */
  repository: (service: ServiceId): string => `tidemark/${service}`,
} as const;
