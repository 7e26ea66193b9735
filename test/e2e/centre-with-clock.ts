/** The control plane as it is, but its clock is ahead by as many milliseconds as the file `clock` in its data folder says: for tests of what takes hours. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL_SETTINGS } from '../../platform/index.ts';
import { startControlPlane } from '../../services/control-plane/main.ts';
import { runService } from '../../services/shell/index.ts';

await runService('control-plane', CONTROL_SETTINGS, (settings, logger) => {
  const file = join(settings.data, 'clock');
  let aheadMs = 0;
  setInterval(() => {
    try {
      aheadMs = Math.max(aheadMs, Number(readFileSync(file, 'utf8')) || 0);
    } catch {
      // Not set yet.
    }
  }, 20).unref();
  return startControlPlane(settings, logger, () => Date.now() + aheadMs);
});
