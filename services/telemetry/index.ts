/** How lag and drift are counted: sketches that merge exactly across tiers. */
export * from './histogram.ts';
