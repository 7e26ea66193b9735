/** What RegionalAggregator does unless told otherwise. */
import { type Size } from '../../platform/index.ts';

export interface AggregatorSize {
  /** Nitro, x86-64. */
  readonly instanceType: string;
  /** Data disk: the region's log, which grows for ever, and with embedded storage the stream. GiB */
  readonly dataGib: number;
  /** Of the service's container; the rest is for its sidecars, the operating system and the ECS agent. MiB */
  readonly memoryMib: number;
}

export const AGGREGATOR_SIZES: Readonly<Record<Size, AggregatorSize>> = {
  small: { instanceType: 't3.medium', dataGib: 50, memoryMib: 2_304 },
  medium: { instanceType: 'm6i.large', dataGib: 200, memoryMib: 5_632 },
  large: { instanceType: 'm6i.xlarge', dataGib: 500, memoryMib: 12_288 },
};

export const AGGREGATOR_DEFAULTS = { size: 'medium', streamName: 'order' } as const;

/** As in the definition of a platform. */
export const REPLICAS = { least: 1, most: 7 } as const;
/** Of the embedded stream, on the data disk: one process alone has it open. */
export const EMBEDDED_STREAM_FILE = 'stream.db';
