/** The system's Chromium: for tests, and for pictures of the page. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Without a sandbox, as in a container; and without anything that talks to elsewhere. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** Its path, or null when it is not on PATH. */
export function findChromium(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not here.
      }
    }
  }
  return null;
}
