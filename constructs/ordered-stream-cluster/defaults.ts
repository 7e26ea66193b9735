/** What OrderedStreamCluster does unless told otherwise, and what NATS allows. */
import { type Size } from '../../platform/index.ts';
import { type HostSize } from '../stateful-host/index.ts';
import { type StreamPorts } from './config.ts';

export const STREAM_PORTS: StreamPorts = { client: 4222, route: 6222, monitor: 8222 };

/** The disk holds what the region has ordered and has not yet seen final, and is what an outage of the centre is waited out on. */
export const STREAM_SIZES: Readonly<Record<Size, HostSize>> = {
  small: { instanceType: 't3.medium', dataGib: 50, memoryMib: 2_560 },
  medium: { instanceType: 'm6i.large', dataGib: 200, memoryMib: 6_144 },
  large: { instanceType: 'm6i.xlarge', dataGib: 500, memoryMib: 13_312 },
};

export const STREAM_DEFAULTS = {
  size: 'medium',
  /**
   * The longest frame of the services (FRAME_MAX in services/protocol/frame.ts) and a MiB for what a stream puts around it. Bytes
   */
  messageBytesMax: 17 * 1_024 * 1_024,
  /** Replicas, each with a few connections, and operators. */
  connectionsMax: 256,
  /** Share of the data disk that streams may fill: what is left keeps the server able to tidy up. */
  storeShare: 0.85,
  /** User and group: the services', who own the data disk. */
  uid: 10_001,
} as const;

/** Servers of a cluster: a majority of 3 bears one loss, of 5 two; an even number bears no more than the odd one below it. */
export const SERVER_COUNTS: readonly number[] = [3, 5];
/** Copies of a stream, each in a zone of its own (`unique_tag`). */
export const ZONES_LEAST = 3;

/** https://docs.nats.io/reference/faq#is-there-a-message-size-limitation-in-nats */
export const MESSAGE_BYTES_MOST = 64 * 1_024 * 1_024;

/** How the container is asked whether it is well, and how long it may take to stop. Seconds */
export const STREAM_HEALTH = { interval: 10, timeout: 5, retries: 3, startPeriod: 120, stop: 120 } as const;
