/**
 * The configuration of one server of the ordered stream, written from plain data. Format and meaning of each line:
 * https://docs.nats.io/running-a-nats-service/configuration (2.12 or later).
 */

export interface StreamServer {
  /** Unique in the cluster: `n0`. */
  readonly name: string;
  /** DNS name that the other servers and the clients reach it by. */
  readonly host: string;
  /** Availability zone: copies of one stream are kept in different ones. */
  readonly zone: string;
}

export interface StreamPorts {
  readonly client: number;
  /** Among the servers. */
  readonly route: number;
  /** Health; on the loopback interface alone. */
  readonly monitor: number;
}

export interface StreamTls {
  /** PEM files: this server's chain, its key, and the authorities that clients and other servers are signed by. */
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

export interface StreamServerConfig {
  readonly server: StreamServer;
  /** All servers of the cluster, this one included. */
  readonly servers: readonly StreamServer[];
  readonly clusterName: string;
  readonly ports: StreamPorts;
  /** Address to listen on for clients and routes. @default '0.0.0.0' */
  readonly listen?: string;
  /** Folder of the log; it must survive the server. */
  readonly storeFolder: string;
  /** The most that streams may take on disk. Bytes. */
  readonly storeBytesMax: number;
  /** The longest message: a block with its header. Bytes, at most 64 MiB. */
  readonly messageBytesMax: number;
  readonly connectionsMax: number;
  /** Name of the environment variable that holds the clients' token, in quotes. */
  readonly tokenVariable: string;
  /** @default - plain text */
  readonly tls?: StreamTls;
}

/** What may stand in a quoted string of the configuration without changing its meaning. */
const QUOTABLE = /^[\x20\x21\x23\x25-\x5b\x5d-\x7e]*$/;

function quoted(text: string): string {
  if (!QUOTABLE.test(text)) throw new TypeError(`${JSON.stringify(text)} can't stand in the configuration: it has a quote, backslash, $ or control character`);
  return `"${text}"`;
}

/** The whole file. @throws TypeError for text that would break out of its line */
export function streamServerConfig(c: StreamServerConfig): string {
  const listen = c.listen ?? '0.0.0.0';
  const others = c.servers.filter((other) => other.name !== c.server.name);
  return `${[
    `server_name: ${quoted(c.server.name)}`,
    `server_tags: [${quoted(`zone:${c.server.zone}`)}]`,
    `listen: ${quoted(`${listen}:${c.ports.client}`)}`,
    `client_advertise: ${quoted(`${c.server.host}:${c.ports.client}`)}`,
    `http: ${quoted(`127.0.0.1:${c.ports.monitor}`)}`,
    '',
    `authorization { token: $${c.tokenVariable} }`,
    ...(c.tls === undefined ? [] : [tlsBlock(c.tls, '')]),
    '',
    `max_connections: ${c.connectionsMax}`,
    `max_payload: ${c.messageBytesMax}`,
    // What waits for one slow reader before it is dropped: the server refuses less than one message.
    `max_pending: ${4 * c.messageBytesMax}`,
    // A reader that is gone is noticed within 30 s, not four minutes.
    'ping_interval: "10s"',
    'ping_max: 2',
    '',
    'jetstream {',
    `  store_dir: ${quoted(c.storeFolder)}`,
    // The default is every two minutes: a copy that has acknowledged would not have it after a power cut.
    '  sync_interval: always',
    `  max_file_store: ${c.storeBytesMax}`,
    // Streams are on disk; memory is for the positions of readers that come and go.
    `  max_memory_store: ${64 * 1_024 * 1_024}`,
    // Copies of a stream go to servers whose tags with this prefix differ: one per zone.
    '  unique_tag: "zone:"',
    '}',
    ...(c.servers.length === 1 ? [] : ['', ...clusterBlock(c, listen, others)]),
  ].join('\n')}\n`;
}

function clusterBlock(c: StreamServerConfig, listen: string, others: readonly StreamServer[]): string[] {
  return [
    'cluster {',
    `  name: ${quoted(c.clusterName)}`,
    `  listen: ${quoted(`${listen}:${c.ports.route}`)}`,
    `  cluster_advertise: ${quoted(`${c.server.host}:${c.ports.route}`)}`,
    ...(c.tls === undefined ? [] : [tlsBlock(c.tls, '  ')]),
    '  routes: [',
    ...others.map((other) => `    ${quoted(`nats-route://${other.host}:${c.ports.route}`)}`),
    '  ]',
    '}',
  ];
}

/** Both sides show a certificate of the platform's authorities: `verify`. */
const tlsBlock = (tls: StreamTls, indent: string): string => [
  'tls {',
  `  cert_file: ${quoted(tls.certificate)}`, `  key_file: ${quoted(tls.key)}`, `  ca_file: ${quoted(tls.authorities)}`,
  '  verify: true', '  timeout: 5', '}',
].map((line) => indent + line).join('\n');
