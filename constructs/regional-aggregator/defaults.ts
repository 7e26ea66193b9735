/** What RegionalAggregator does unless told otherwise. */
import { type Size } from '../../platform/index.ts';
import { type HostSize } from '../stateful-host/index.ts';

/** The disk holds the region's log, which grows for ever, and with embedded storage the stream. */
export const AGGREGATOR_SIZES: Readonly<Record<Size, HostSize>> = {
  small: { instanceType: 't3.medium', dataGib: 50, memoryMib: 2_304 },
  medium: { instanceType: 'm6i.large', dataGib: 200, memoryMib: 5_632 },
  large: { instanceType: 'm6i.xlarge', dataGib: 500, memoryMib: 12_288 },
};

export const AGGREGATOR_DEFAULTS = { size: 'medium', streamName: 'order' } as const;

/** As in the definition of a platform. */
export const REPLICAS = { least: 1, most: 7 } as const;
/** Of the embedded stream, on the data disk: one process alone has it open. */
export const EMBEDDED_STREAM_FILE = 'stream.db';
