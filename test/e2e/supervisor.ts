/**
 * A platform as a program of its own, for tests that kill all of it: `supervisor.ts FOLDER`. Prints its run state once it is
 * ready.
 */
import { startLocalPlatform, stopOnSignal } from '../../services/local/index.ts';
import { smallPlatform } from './stage.ts';

const platform = await startLocalPlatform(smallPlatform(), {
  dataDir: process.argv[2] as string, portBase: 0, wan: 'off', logLevel: 'warn',
});
process.stdout.write(`${JSON.stringify(platform.state())}\n`);
await stopOnSignal(platform);
