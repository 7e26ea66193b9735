/** The last line of a test run: `N passed, N failed`. What fails outside of a test (a file that can't be loaded) counts, too. */
import { writeSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'failed') failedHere += 1;
      }
      failed += module.state() === 'failed' ? Math.max(1, failedHere) : failedHere;
    }
    const seed = process.env['FAST_CHECK_SEED'] ?? '1';
    // Other reporters still have something to say.
    process.once('exit', () => writeSync(1, `\nproperties from FAST_CHECK_SEED=${seed}\n${passed} passed, ${failed} failed\n`));
  }
}
