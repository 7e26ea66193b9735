/** Sends what is at /metrics to the OTLP receiver, once a minute and when the service stops. */
import { startLoop } from '../loop.ts';
import type { Metric } from '../metrics.ts';
import type { Logger } from '../run.ts';
import type { OtlpExporter } from './export.ts';
import type { Attributes } from './json.ts';
import { encodeMetricsRequest, takeSnapshot, type Snapshot, type Temporality } from './metrics.ts';

/** OTEL_METRIC_EXPORT_INTERVAL's default. Milliseconds. */
export const SEND_EVERY_MS = 60_000;

export interface Sending {
  /** Hands what there is to the exporter a last time; nothing is looked at after. Does not wait for the receiver. */
  readonly stop: () => void;
  /** Resolves when what became of everything is known. */
  readonly stopped: Promise<void>;
}

export interface SendingOptions {
  readonly exporter: Pick<OtlpExporter, 'post'>;
  readonly collect: () => readonly Metric[];
  readonly resource: Attributes;
  readonly temporality: Temporality;
  /** When the process began to count. Milliseconds since 1970. */
  readonly startedAt: number;
  readonly now: () => number;
  readonly logger: Pick<Logger, 'error'>;
}

export function startSending({ exporter, collect, now, logger, ...context }: SendingOptions): Sending {
  let first: Snapshot | null = null;
  /** What the receiver has. What it did not take is part of what it is told next. */
  let taken: Snapshot | null = null;
  /** What is on its way: one at a time, so that no delta is sent before what it builds upon is known to have arrived. */
  let underWay: Snapshot | null = null;

  async function send(upon: Snapshot | null): Promise<void> {
    const snapshot = takeSnapshot(collect(), now());
    first ??= snapshot;
    underWay = snapshot;
    if (await exporter.post('metrics', encodeMetricsRequest(snapshot, upon, { ...context, first }))) taken = snapshot;
    underWay = null;
  }

  const loop = startLoop(async () => {
    await send(taken);
    return SEND_EVERY_MS;
  }, (error) => {
    // An exporter never throws: it is what was to be told that could not be read.
    logger.error({ err: error }, 'otlp: the metrics of this minute are not sent');
    return SEND_EVERY_MS;
  });

  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  let isStopped = false;
  return {
    stop() {
      if (isStopped) return;
      isStopped = true;
      // There is no time left to wait for the one under way: it most likely arrives as this one does.
      const last = send(underWay ?? taken).catch(() => undefined);
      void Promise.all([last, loop.stop()]).then(() => resolve());
    },
    stopped,
  };
}
