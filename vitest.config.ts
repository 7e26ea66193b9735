import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Properties run from one seed, so that two runs do the same. FAST_CHECK_SEED=random looks elsewhere; the summary names the seed.
 */
const wanted = process.env['FAST_CHECK_SEED'] ?? '1';
const seed = wanted === 'random' ? Math.trunc(Math.random() * 0x7fff_ffff) : Number(wanted);
if (!Number.isSafeInteger(seed)) throw new Error(`FAST_CHECK_SEED: got ${wanted}; allowed: an integer or \`random\``);

/** Minutes long, most of them waiting: started first, so that nothing is left to wait for at the end. */
const LONG = ['test/kit/apply.test.ts', 'test/e2e/load.e2e.test.ts', 'test/kit/validate.test.ts', 'test/e2e/incidents.e2e.test.ts'];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => LONG.findLastIndex((name) => moduleId.endsWith(name));
    const rest = await super.sort(files.filter((file) => place(file) < 0));
    return [...files.filter((file) => place(file) >= 0).sort((a, b) => place(a) - place(b)), ...rest];
  }
}

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '.tidemark/**', 'cdktf.out/**'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { FAST_CHECK_SEED: String(seed) },
    setupFiles: ['bin/vitest-setup.ts'],
    reporters: ['default', 'bin/vitest-summary.ts'],
  },
});
