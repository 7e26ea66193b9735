/**
 * The typed model of a deployment. `tidemark.config.ts` calls `definePlatform`; all else reads the `Platform` that it makes.
 */
export { checkPlatform, definePlatform } from './define.ts';
export { INDICATORS, type Indicator, type IndicatorDefinition } from './indicators.ts';
export { ConfigError, type Issue } from './issues.ts';
export { ConfigFileError, loadPlatform } from './load.ts';
export * from './deploy.ts';
export * from './metrics.ts';
export * from './model.ts';
export { nearest } from './nearest.ts';
export { createFloors, type Floor, type Floors, type Topology } from './physics.ts';
export { toPolicy } from './policy.ts';
export * from './services.ts';
export { createRoundTrips, KNOWN_LOCATIONS, roundTripMs, type KnownLocation, type OwnFigures, type RoundTrips } from './rtt.ts';
