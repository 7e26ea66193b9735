/** How lag, drift and shares are counted and told: sketches that merge exactly across tiers, and intervals that say how sure they are. */
export * from './audit.ts';
export * from './caveats.ts';
export * from './delta.ts';
export * from './histogram.ts';
export * from './intervals.ts';
export * from './proportions.ts';
export * from './rollup.ts';
export * from './slas.ts';
export {
  addAmount, addShare, addSums, COUNTS, emptySums, isQuiet, LAG_STAGES, peeringOf, sumsFromJson, sumsToJson,
  type CountName, type LagStage, type Peering, type Sums, type SumsJson,
} from './sums.ts';
