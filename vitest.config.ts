import { defineConfig } from 'vitest/config';

/**
 * Properties run from one seed, so that two runs do the same. FAST_CHECK_SEED=random looks elsewhere; the summary names the seed.
 */
const wanted = process.env['FAST_CHECK_SEED'] ?? '1';
const seed = wanted === 'random' ? Math.trunc(Math.random() * 0x7fff_ffff) : Number(wanted);
if (!Number.isSafeInteger(seed)) throw new Error(`FAST_CHECK_SEED: got ${wanted}; allowed: an integer or \`random\``);

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '.tidemark/**', 'cdktf.out/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { FAST_CHECK_SEED: String(seed) },
    setupFiles: ['bin/vitest-setup.ts'],
    reporters: ['default', 'bin/vitest-summary.ts'],
  },
});
