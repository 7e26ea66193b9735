/**
 * The ordered stream of a region: NATS JetStream servers, each a machine with a disk of its own in its own zone, that together keep
 * one order as long as a majority of them is there. What they acknowledge is on the disks of that majority.
 */
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { Construct } from 'constructs';
import { type Size } from '../../platform/index.ts';
import { check, type Mistakes } from '../common/index.ts';
import { connectAll, groupProps, patchSchedule, StatefulHost, type GroupProps } from '../stateful-host/index.ts';
import { streamServerConfig, type StreamServer } from './config.ts';
import { RUN_FOLDER, runFiles, streamContainer, TOKEN_VARIABLE } from './container.ts';
import { MESSAGE_BYTES_MOST, SERVER_COUNTS, STREAM_DEFAULTS, STREAM_PORTS, STREAM_SIZES, ZONES_LEAST } from './defaults.ts';

export { streamServerConfig, type StreamPorts, type StreamServer, type StreamServerConfig, type StreamTls } from './config.ts';
export { STREAM_DEFAULTS, STREAM_PORTS, STREAM_SIZES } from './defaults.ts';

export interface StreamPlace {
  readonly subnetId: string;
  /** Availability zone of the subnet. */
  readonly zone: string;
}

/** A private DNS zone of the network, and the name that it is for. */
export interface PrivateZone {
  readonly id: string;
  /** `eu.clearing.example.com` */
  readonly name: string;
}

export interface StreamTlsSecrets {
  /** Secret with the PEM chain of a certificate for all servers' names, for clients and servers. */
  readonly certificateSecretArn: string;
  readonly keySecretArn: string;
  /** PEM certificates of the authorities that the servers, and their clients, have theirs from. */
  readonly authorities: string;
}

export interface OrderedStreamClusterProps extends GroupProps {
  /** What everything of it is called: `tidemark-production-eu-stream`. */
  readonly name: string;
  /** One for each server, 3 or 5; at least three different zones. The order says which server is which: do not change it. */
  readonly places: readonly StreamPlace[];
  /** Where the servers' names are made: `n0.stream.<name of the zone>`. */
  readonly privateZone: PrivateZone;
  /** NATS 2.12 or later with a shell and wget (the alpine variant), by digest. */
  readonly image: string;
  /** Secret with the token that clients show. Letters, digits and . _ ~ + / = - only. */
  readonly tokenSecretArn: string;
  /** Certificates for both sides of every connection. @default - plain text inside the network, which security groups alone protect */
  readonly tls?: StreamTlsSecrets;
  /** @default 'medium' */
  readonly size?: Size;
  /** @default - by size */
  readonly instanceType?: string;
  /** GiB @default - by size */
  readonly dataGib?: number;
  /** The longest message. Bytes, 1 MiB to 64 MiB. @default 17825792 (a frame of the services, and a MiB) */
  readonly messageBytesMax?: number;
}

/** A stream to connect to, made here or elsewhere. */
export interface OrderedStream {
  /** DNS names of the servers. */
  readonly hosts: readonly string[];
  readonly tokenSecretArn: string;
  /** What the service contract calls `stream`: `nats://n0...:4222,n1...:4222/<stream>`. */
  readonly url: (stream: string) => string;
}

/** A client that runs on a host of its own. */
export interface StreamClient {
  readonly securityGroupId: string;
  readonly allowTo: StatefulHost['allowTo'];
}

export class OrderedStreamCluster extends Construct implements OrderedStream {
  readonly hosts: readonly string[];
  readonly tokenSecretArn: string;
  readonly servers: readonly StatefulHost[];
  /** The configuration of each server, for those who want to read it. */
  readonly configs: readonly string[];

  constructor(scope: Construct, id: string, props: OrderedStreamClusterProps) {
    super(scope, id);
    const size = STREAM_SIZES[props.size ?? STREAM_DEFAULTS.size];
    const dataGib = props.dataGib ?? size.dataGib;
    const messageBytesMax = props.messageBytesMax ?? STREAM_DEFAULTS.messageBytesMax;
    check(this, (m) => checkProps(m, props, messageBytesMax));

    const servers = props.places.map(({ zone }, i): StreamServer => ({ name: `n${i}`, host: `n${i}.stream.${props.privateZone.name}`, zone }));
    this.hosts = servers.map(({ host }) => host);
    this.tokenSecretArn = props.tokenSecretArn;
    const files = runFiles(RUN_FOLDER);
    this.configs = servers.map((server) => streamServerConfig({
      server, servers, clusterName: props.name, ports: STREAM_PORTS, storeFolder: `${DATA_FOLDER}/jetstream`,
      storeBytesMax: Math.floor(dataGib * STREAM_DEFAULTS.storeShare) * 1_024 ** 3, messageBytesMax, connectionsMax: STREAM_DEFAULTS.connectionsMax,
      tokenVariable: TOKEN_VARIABLE, ...(props.tls === undefined ? {} : { tls: files }),
    }));
    const hosts: StatefulHost[] = [];
    for (const [i, { subnetId, zone }] of props.places.entries()) {
      hosts.push(new StatefulHost(this, `n${i}`, {
        ...groupProps(props), subnetId, zone, dataGib,
        name: `${props.name}-n${i}`, instanceType: props.instanceType ?? size.instanceType, dataUid: STREAM_DEFAULTS.uid,
        // One server after the other, and never two patched on one day: a majority is always there.
        after: hosts.slice(-1).map((before) => before.pinned.service), waitForSteadyState: true, patching: { schedule: patchSchedule(i) },
        containers: ({ logs, dataVolume }) => [streamContainer({
          image: props.image, config: this.configs[i]!, tokenSecretArn: props.tokenSecretArn, memoryMib: size.memoryMib, uid: STREAM_DEFAULTS.uid,
          monitorPort: STREAM_PORTS.monitor, ports: [STREAM_PORTS.client, STREAM_PORTS.route], dataVolume, dataFolder: DATA_FOLDER, logs,
          ...(props.tls === undefined ? {} : { tls: props.tls }),
        })],
      }));
    }
    this.servers = hosts;
    for (const [i, server] of this.servers.entries()) {
      new Route53Record(this, `name-${i}`, { zoneId: props.privateZone.id, name: this.hosts[i]!, type: 'A', ttl: 10, records: [server.privateIp] });
    }
    connectAll(this.servers, 'route', STREAM_PORTS.route, (i) => `Server ${i} of the stream`);
  }

  /** Lets a client on a host of its own connect; its token, it reads as a secret. */
  readonly allowClient = (what: string, client: StreamClient): void => {
    for (const [i, server] of this.servers.entries()) {
      server.allowFrom(`client-${what}`, { securityGroupId: client.securityGroupId, port: STREAM_PORTS.client, description: `${what}, client of the stream` });
      client.allowTo(`stream-${i}`, { securityGroupId: server.securityGroupId, port: STREAM_PORTS.client, description: `Server ${i} of the stream` });
    }
  };

  readonly url = (stream: string): string => streamUrl(this.hosts, stream);

  /** A JetStream cluster that exists; whoever owns it lets clients in. */
  static fromHosts(attributes: Pick<OrderedStream, 'hosts' | 'tokenSecretArn'>): OrderedStream {
    return { ...attributes, url: (stream) => streamUrl(attributes.hosts, stream) };
  }
}

const DATA_FOLDER = '/data';
const STREAM_NAME = /^[A-Za-z0-9_-]{1,64}$/;

function streamUrl(hosts: readonly string[], stream: string): string {
  if (!STREAM_NAME.test(stream)) throw new TypeError(`stream: expected 1 to 64 letters, digits, _ and -, got ${JSON.stringify(stream)}`);
  return `nats://${hosts.map((host) => `${host}:${STREAM_PORTS.client}`).join(',')}/${stream}`;
}

function checkProps(m: Mistakes, props: OrderedStreamClusterProps, messageBytesMax: number): void {
  const zones = new Set(props.places.map(({ zone }) => zone)).size;
  if (!SERVER_COUNTS.includes(props.places.length)) m.add(`places: expected ${SERVER_COUNTS.join(' or ')} servers, got ${props.places.length}`);
  if (zones < ZONES_LEAST) m.add(`places: expected at least ${ZONES_LEAST} different zones, so that the loss of one leaves a majority, got ${zones}`);
  m.text('image', props.image, /@sha256:[0-9a-f]{64}$/, 'an image by its digest, such as nats@sha256:...');
  m.range('messageBytesMax', messageBytesMax, 1_024 * 1_024, MESSAGE_BYTES_MOST, 'bytes');
  if (props.tls !== undefined) m.text('tls.authorities', props.tls.authorities, /-----BEGIN CERTIFICATE-----/, 'PEM certificates');
}
