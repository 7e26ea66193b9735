/** How lag, drift and shares are counted and told: sketches that merge exactly across tiers, and intervals that say how sure they are. */
export * from './histogram.ts';
export * from './intervals.ts';
export * from './proportions.ts';
