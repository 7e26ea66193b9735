/** Every property of a run starts from the seed that vitest.config.ts chose and the summary prints. */
import fc from 'fast-check';

const seed = process.env['FAST_CHECK_SEED'];
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
