/** Telemetry to a receiver of the OpenTelemetry protocol: docs/telemetry.md. */
export * from './export.ts';
export * from './json.ts';
export * from './metrics.ts';
export * from './settings.ts';
export * from './start.ts';
