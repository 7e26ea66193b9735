/**
 * TelemetryPipeline: where the metrics and traces of all services of a deployment go (one log group in the control plane's AWS
 * region, from which CloudWatch takes metrics), and the collector that brings them there from beside each service.
 */
export { collectorConfig, type CollectorConfigProps } from './config.ts';
export { COLLECTOR_IMAGE, EXPORTED, MEMORY_MIB, OTLP_SETTINGS, SITE_LABEL, type ExportedMetric } from './defaults.ts';
export { collectorContainer, collectorStatements, type CollectorProps, type TelemetryPipelineAttributes } from './collector.ts';
export { TelemetryPipeline, type ITelemetryPipeline, type TelemetryPipelineProps } from './pipeline.ts';
