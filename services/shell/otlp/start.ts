/** The OTLP side of one process: who it is, and its exporter when the settings name a receiver. */
import type { ServiceId } from '../../../platform/index.ts';
import { createHttpClient, type HttpClient } from '../../protocol/http-client.ts';
import type { Metric } from '../metrics.ts';
import type { Logger } from '../run.ts';
import type { Tls } from '../tls.ts';
import { createOtlpExporter, type OtlpExporter } from './export.ts';
import type { Attributes } from './json.ts';
import { startSending, type Sending } from './send.ts';
import type { OtlpTarget } from './settings.ts';

export interface Otlp {
  /** What tells this process from others (OpenTelemetry's semantic conventions, "Service"). */
  readonly resource: Attributes;
  /** Null when nothing is to be sent anywhere. */
  readonly exporter: OtlpExporter | null;
  /** Of the exporter itself. */
  readonly metrics: () => Metric[];
  /** Sends these from now on; once for one process. */
  readonly send: (collect: () => readonly Metric[]) => Pick<Sending, 'stop'>;
  /** Sends what waits, for a short while, and closes the connections. */
  readonly stop: () => Promise<void>;
}

export interface OtlpOptions {
  readonly target: OtlpTarget | null;
  readonly service: ServiceId;
  /** `eu-fra-1`, `eu/1`, `global`. */
  readonly instance: string;
  readonly attributes?: Attributes;
  readonly tls: Pick<Tls, 'secureContext'>;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function startOtlp({ target, service, instance, attributes = {}, tls, logger, now }: OtlpOptions): Otlp {
  const resource: Attributes = { 'service.name': `tidemark-${service}`, 'service.instance.id': instance, ...attributes };
  if (target === null) return { resource, exporter: null, metrics: () => [], send: () => ({ stop: () => undefined }), stop: () => Promise.resolve() };
  const http: HttpClient = createHttpClient(tls);
  const exporter = createOtlpExporter({ ...target, http, logger, now });
  const startedAt = now();
  let sending: Sending | null = null;
  return {
    resource, exporter, metrics: exporter.metrics,
    send: (collect) => sending = startSending({ exporter, collect, resource, temporality: target.temporality, startedAt, now, logger }),
    async stop() {
      sending?.stop();
      await exporter.stop();
      await sending?.stopped;
      await http.close();
    },
  };
}
