/** Traces of settlements through the tiers, and the ids in log lines that lead to them: docs/telemetry.md, "Traces and logs". */
export * from './span.ts';
export * from './tracer.ts';
export * from './under-way.ts';
