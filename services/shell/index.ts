/**
 * What the shells of the services share: settings, server, database, keys, calls to other tiers, loops. No business of
 * any tier is in here.
 */
export * from '../protocol/backoff.ts';
export * from '../protocol/http-client.ts';
export * from './allowance.ts';
export { compressAnswers } from './compression.ts';
export * from './id-hash.ts';
export * from './id-index.ts';
export { createIdTree, ID_TREE_SCHEMA } from './id-tree.ts';
export * from './log-routes.ts';
export * from './loop.ts';
export * from './metrics.ts';
export * from './otlp/index.ts';
export * from './receiving.ts';
export * from './round-trip.ts';
export * from './run.ts';
export * from './server.ts';
export * from './settings.ts';
export * from './sqlite.ts';
export * from './strict-json.ts';
export * from './tls.ts';
export * from './tracing/index.ts';
export * from './trust.ts';
export * from './ustar.ts';
